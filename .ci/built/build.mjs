// Builds the two assets that come from npm packages: the parts of AG Grid that the job grid uses, and the icons.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

// The packages are installed in a folder of their own, in which this runs.
const need = createRequire(`${process.cwd()}/`);
const icons = need("@quasar/extras/material-icons/index.js");
const { build } = need("esbuild");

// `build.mjs develop` adds the module that reports what a grid uses without its module; never commit that.
const develop = process.argv[2] === "develop";
const assets = new URL("../../ui/assets/", import.meta.url).pathname;

// The names of the icons are the keys of icons.json: add a key with an empty text, and build.
const path = `${assets}icons.json`;
const names = Object.keys(JSON.parse(readFileSync(path))).sort();
const nameInPackage = (name) => `mat_${name}`.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
const outline = (name) => {
  const parts = icons[nameInPackage(name)].split("&&").filter((part) => !part.includes("@@fill:none"));
  return parts.map((part) => part.split("@@")[0]).join("");
};
writeFileSync(path, `${JSON.stringify(Object.fromEntries(names.map((name) => [name, outline(name)])), null, 1)}\n`);

const grid = `${process.cwd()}/node_modules/ag-grid-community`;
const { version } = JSON.parse(readFileSync(`${grid}/package.json`));
await build({
  banner: { js: `/*! AG Grid Community ${version}${develop ? " develop" : ""}\n${readFileSync(`${grid}/LICENSE.txt`, "utf8")}*/` },
  entryPoints: [new URL("aggrid.mjs", import.meta.url).pathname],
  nodePaths: [`${process.cwd()}/node_modules`],
  define: { DEVELOP: String(develop) },
  outfile: `${assets}aggrid.js`,
  bundle: true,
  format: "esm",
  minify: true,
  target: "es2022",
  logLevel: "warning",
});
