// Small things that must happen in the browser: theme, times in the viewer's zone, keys.
(() => {
  const root = document.documentElement;
  root.lang = "en";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => (document.cookie.match(/(?:^|; )theme=(dark|light)/) || [])[1] || "auto";

  const paint = () => {
    const theme = chosen();
    root.dataset.theme = theme === "auto" ? (system.matches ? "dark" : "light") : theme;
    document.dispatchEvent(new CustomEvent("theme"));
  };
  window.setTheme = (theme) => {
    const secure = location.protocol === "https:" ? "; Secure" : "";
    // biome-ignore lint/suspicious/noDocumentCookie: Firefox and Safari got the Cookie Store API only in 2025
    document.cookie = `theme=${theme}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
    paint();
    window.Quasar?.Dark.set(theme === "auto" ? theme : theme === "dark");
  };
  system.addEventListener("change", paint);
  paint();
  // Quasar's elements get the theme, and icons as outlines instead of letters of a font of 128 kB.
  window.dressQuasar = () => {
    const theme = chosen();
    window.Quasar.Dark.set(theme === "auto" ? theme : theme === "dark");
    window.Quasar.IconSet.iconMapFn = (name) => (window.icons[name] ? { icon: window.icons[name] } : undefined);
  };

  // The button with data-themes goes from one theme to the next.
  const THEMES = { auto: "brightness_auto", light: "light_mode", dark: "dark_mode" };
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-act=theme]");
    if (!button) return;
    const names = Object.keys(THEMES);
    const theme = names[(names.indexOf(chosen()) + 1) % names.length];
    window.setTheme(theme);
    button.ariaLabel = button.title = `Theme: ${theme}`;
    button.querySelector("path").setAttribute("d", window.icons[THEMES[theme]]);
  });
  // The navigation marks the page that is open, and how many users are in need.
  window.markNavigation = (route) => {
    for (const link of document.querySelectorAll(".side a"))
      link.ariaCurrent = link.dataset.route === route ? "page" : null;
    showAllPages(false);
  };
  // A phone shows a few pages; its button More opens the others above them.
  const showAllPages = (open) => {
    const side = document.querySelector(".side");
    if (!side) return;
    side.classList.toggle("open", open);
    side.querySelector(".more").ariaExpanded = open;
  };
  document.addEventListener("click", ({ target }) => {
    const more = target.closest?.("[data-act=more]");
    showAllPages(more?.ariaExpanded === "false");
  });
  document.addEventListener("keydown", ({ key }) => {
    if (key === "Escape") showAllPages(false);
  });
  // It leads back to the jobs as they were left, with their filter, and from there to all jobs.
  document.addEventListener(
    "click",
    ({ target }) => {
      const jobs = document.querySelector('.side a[data-route="/jobs"]');
      const all = `${window.path_prefix ?? ""}/jobs`;
      if (jobs && location.pathname === all)
        jobs.setAttribute("href", all + (jobs.contains(target) ? "" : location.search));
    },
    true,
  );
  window.showInNeed = (number) => {
    const count = document.querySelector(".side .count");
    if (!count) return;
    count.hidden = number === 0;
    count.textContent = number;
    count.ariaLabel = `${number} stuck or failed`;
  };

  // A message at the edge; pressing one of its buttons causes an event of the page.
  // A key presses the button of the newest message; an earlier one keeps its button without it.
  const forgetKeys = () => {
    for (const button of document.querySelectorAll(".q-notification [data-key]")) {
      button.removeAttribute("data-key");
      const label = button.querySelector(".block");
      label.textContent = label.textContent.replace(/ \([A-Z]\)$/, "");
    }
  };
  window.showToast = ({ actions, ...options }) => {
    const pressed = ({ label, event, about, key }) => ({
      label: key && matchMedia("(hover: hover)").matches ? `${label} (${key.toUpperCase()})` : label,
      "data-key": key || null,
      handler: () => emitEvent(event, about),
    });
    if (actions.some(({ key }) => key)) forgetKeys();
    window.Quasar.Notify.create({ ...options, actions: actions.map(pressed) });
  };

  window.showPressed = (id) => {
    const chip = getHtmlElement(id)?.querySelector("[aria-pressed=true]");
    chip?.scrollIntoView({ block: "nearest", inline: "nearest" });
  };

  // <time-text at="ISO" mode="ago|until|due|clock|time|elapsed">: the exact time on hover, in the viewer's zone.
  // The first format takes a browser as long as the rest of a page's script, and most pages need none at first.
  const formats = (options) => {
    let format;
    return (at) => {
      format ??= new Intl.DateTimeFormat(undefined, options);
      return format.format(at);
    };
  };
  const clock = formats({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const toTheSecond = formats({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const day = formats({ weekday: "short", day: "numeric", month: "short" });
  const dated = formats({ day: "numeric", month: "short", year: "numeric" });
  // An age is whole units that have passed; what is still to come is the nearest number of them.
  // core/wording.py writes spans the same way.
  const span = (seconds, whole = Math.floor) => {
    if (seconds < 120) return `${whole(seconds)} s`;
    if (seconds < 7200) return `${whole(seconds / 60)} min`;
    if (seconds < 172800) return `${whole(seconds / 3600)} h`;
    return `${whole(seconds / 86400)} days`;
  };
  window.spanWords = span;
  // The server's present time. A browser's clock may be hours wrong; what a page took to load is no such error.
  let ahead = null;
  window.serverNow = () => {
    if (ahead === null) {
      const clock = document.querySelector("meta[name=server-clock]");
      ahead = clock ? Number(clock.content) - Date.now() : 0;
      if (Math.abs(ahead) < 30000) ahead = 0;
    }
    return Date.now() + ahead;
  };
  // The one form of an exact time: "today at 14:02", "Thu, 26 Nov at 14:02", with the year where it is another.
  const clocked = (at, timed = clock) => {
    const now = new Date();
    if (now.toDateString() === at.toDateString()) return `today at ${timed(at)}`;
    const date = now.getFullYear() === at.getFullYear() ? day : dated;
    return `${date(at)} at ${timed(at)}`;
  };
  window.clockedRange = (start, stop, isFine) => {
    const [timed, from, to] = [isFine ? toTheSecond : clock, new Date(start), new Date(stop)];
    const isOneDay = from.toDateString() === to.toDateString();
    return `${clocked(from, timed)} to ${isOneDay ? timed(to) : clocked(to, timed)}`;
  };
  const worded = (at, mode) => {
    const age = (window.serverNow() - at) / 1000;
    if (mode === "clock") return clocked(at);
    if (mode === "time") return clocked(at).replace("today at ", "");
    if (mode === "elapsed") return span(Math.max(0, age));
    if (mode === "until") return age >= 0 ? "now" : `in ${span(-age, Math.round)}`;
    if (mode === "due") return age >= 0 ? `now, ${clocked(at)}` : `in ${span(-age, Math.round)}, ${clocked(at)}`;
    return age < 1 ? "just now" : `${span(age)} ago`;
  };
  const shown = new Set();
  class TimeText extends HTMLElement {
    static observedAttributes = ["at", "mode"];
    connectedCallback() {
      shown.add(this);
      this.tell();
    }
    disconnectedCallback() {
      shown.delete(this);
    }
    attributeChangedCallback() {
      this.tell();
    }
    tell() {
      const at = new Date(this.getAttribute("at"));
      if (Number.isNaN(at.getTime())) {
        this.textContent = this.getAttribute("at") || ""; // infinity
        return;
      }
      const text = worded(at, this.getAttribute("mode") || "ago");
      if (this.textContent !== text) this.textContent = text;
      if (this.title) this.explain();
    }
    explain() {
      const at = new Date(this.getAttribute("at"));
      const title = Number.isNaN(at.getTime()) ? "" : clocked(at, toTheSecond);
      if (this.title !== title) this.title = title;
    }
  }
  for (const pointed of ["pointerover", "focusin"])
    document.addEventListener(pointed, ({ target }) => target.closest?.("time-text")?.explain());
  customElements.define("time-text", TimeText);
  const tellAll = () => {
    for (const each of shown) each.tell();
  };
  setInterval(() => document.hidden || tellAll(), 1000);
  document.addEventListener("visibilitychange", tellAll);

  // Keys: whatever carries data-key is clicked or focused by it. Two-key ones ("g j") have 1.2 s for the second.
  let first = "";
  let forget = 0;
  const typing = (target) => target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
  // The letter on a key of a layout without Latin letters, by the key's place.
  window.keyOf = (event) => {
    const letter = /^Key([A-Z])$/.exec(event.code);
    return letter && !/^[ -~]+$/.test(event.key) ? letter[1].toLowerCase() : event.key;
  };
  const press = (name) => {
    const target = [...document.querySelectorAll(`[data-key~="${CSS.escape(name)}"]`)].find(
      (each) => each.offsetParent,
    );
    if (!target) return false;
    const field = target.matches("input, textarea") ? target : target.querySelector("input, textarea");
    if (field) {
      field.focus();
      field.select();
    } else target.click();
    return true;
  };
  // Escape leaves a field. From the search, the arrow down leads to what was found, where arrows go on and Enter opens.
  const walk = ({ key, target }) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[key];
    const search = [...document.querySelectorAll('[data-key~="/"]')]
      .map((each) => (each.matches("input") ? each : each.querySelector("input")))
      .find((each) => each?.offsetParent);
    const found = [...document.querySelectorAll(".main .rows a")].filter((each) => each.offsetParent);
    const at = found.indexOf(target);
    if (key === "Escape" && typing(target)) target.blur();
    else if (step > 0 && target === search) (found[0] ?? document.querySelector(".main .jg-cell"))?.focus();
    else if (step && at >= 0) (at + step < 0 ? search : found[at + step])?.focus();
    else return false;
    return true;
  };
  // Rows that are drawn anew keep the keyboard: the same link has it again, or else the first one.
  // The rows of the next page do not.
  const ROW = ".main .rows a";
  let pathOfRow = "";
  document.addEventListener("focusin", ({ target }) => {
    if (target.matches?.(ROW)) pathOfRow = location.pathname;
  });
  document.addEventListener("focusout", ({ target, relatedTarget }) => {
    if (relatedTarget || !target.matches?.(ROW)) return;
    requestAnimationFrame(() => {
      const isElsewhere = location.pathname !== pathOfRow || document.activeElement !== document.body;
      if (target.isConnected || isElsewhere) return;
      const rows = [...document.querySelectorAll(ROW)];
      (rows.find((each) => each.href === target.href) ?? rows[0])?.focus();
    });
  });
  // Before its first connection NiceGUI asks every 10 ms for each event by itself whether it is there, so that events
  // overtook each other: a preset was chosen after its request. The socket keeps them in order until it is connected.
  let isShaken = false;
  let isFirst = true;
  Object.defineProperty(window, "did_handshake", {
    get: () => isShaken || (isFirst && Boolean(window.socket?.io.opts.query.implicit_handshake)),
    set: (value) => {
      isShaken = value;
      if (value) isFirst = false;
    },
  });
  // What is typed after Ctrl K and before the palette is there goes into its field, not to the page's keys.
  const PALETTE = ".palette input";
  let caught = null;
  let isLeaving = false; // Enter was pressed in it
  let givesUp = 0;
  const begin = () => {
    if (document.activeElement.matches(PALETTE) && !isLeaving) return;
    caught = [];
    clearTimeout(givesUp);
    givesUp = setTimeout(() => {
      caught = null;
    }, 5000);
  };
  const hold = (event) => {
    if (event.target.matches?.(PALETTE) && event.key === "Enter") isLeaving = true;
    if (!caught || event.ctrlKey || event.metaKey || event.altKey) return false;
    if (event.key === "Escape") caught = null;
    else if (event.key === "Backspace") caught.pop();
    else if (event.key === "Enter" || event.key.length === 1) caught.push(event.key);
    event.preventDefault();
    event.stopPropagation();
    return true;
  };
  document.addEventListener("focusin", ({ target: field }) => {
    if (!field.matches?.(PALETTE)) return;
    isLeaving = false;
    const letters = (caught ?? []).filter((key) => key !== "Enter").join("");
    const isSent = caught?.includes("Enter");
    caught = null;
    if (!letters) return;
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, letters);
    field.dispatchEvent(new Event("input", { bubbles: true }));
    if (isSent) field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
  });
  document.addEventListener("keydown", hold, true);
  document.addEventListener("keydown", (event) => {
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.defaultPrevented;
    if (plain && !document.querySelector(".q-dialog, .q-menu") && walk(event)) {
      event.preventDefault();
      return;
    }
    if ((event.ctrlKey || event.metaKey) && window.keyOf(event).toLowerCase() === "k") {
      if (press("ctrl+k")) {
        event.preventDefault();
        begin();
      }
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (document.querySelector(".q-dialog") && event.key !== "?") return;
    const key = window.keyOf(event);
    const name = first ? `${first}+${key}` : key;
    clearTimeout(forget);
    if (!first && key === "g") {
      first = "g";
      forget = setTimeout(() => {
        first = "";
      }, 1200);
      return;
    }
    first = "";
    if (/^(?:[a-z?/]|Escape|g\+.)$/.test(name) && press(name)) event.preventDefault();
  });

  // The instant of a local date and time field, so that the server never has to guess the viewer's zone.
  window.instantOf = (local) => {
    const at = new Date(local);
    return Number.isNaN(at.getTime()) ? null : at.toISOString();
  };
  // The reverse: the field shows an instant in the viewer's zone, once its dialog is there.
  window.showInstant = (id, instant, tries = 60) => {
    const field = document.getElementById(`c${id}`);
    if (!field) {
      if (tries) requestAnimationFrame(() => window.showInstant(id, instant, tries - 1));
      return;
    }
    const at = new Date(instant);
    field.value = new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
  };
  window.signOut = async () => {
    await fetch("/api/auth/logout", { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" });
    location.assign("/login");
  };
})();
