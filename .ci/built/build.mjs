// Builds icons.json, the outlines of the icons, from an npm package.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

// The package is installed in a folder of its own, in which this runs.
const icons = createRequire(`${process.cwd()}/`)("@quasar/extras/material-icons/index.js");

// The names of the icons are the keys of icons.json: add a key with an empty text, and build.
const path = new URL("../../ui/assets/icons.json", import.meta.url).pathname;
const names = Object.keys(JSON.parse(readFileSync(path))).sort();
const nameInPackage = (name) => `mat_${name}`.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
const outline = (name) => {
  const parts = icons[nameInPackage(name)].split("&&").filter((part) => !part.includes("@@fill:none"));
  return parts.map((part) => part.split("@@")[0]).join("");
};
writeFileSync(path, `${JSON.stringify(Object.fromEntries(names.map((name) => [name, outline(name)])), null, 1)}\n`);
