(() => {
  const data = JSON.parse(document.getElementById("map-data").textContent);
  const byId = (name) => document.getElementById("map-" + name);
  const canvas = byId("canvas"), box = byId("sample"), legend = byId("legend"), select = byId("color"), said = byId("said");

  const unpack = (text, Kind) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    return new Kind(bytes.buffer);
  };
  const n = data.n, rows = unpack(data.rows, Uint32Array), across = unpack(data.x, Uint16Array), up = unpack(data.y, Uint16Array);
  const colors = data.colors.map((color) => ({
    ...color,
    values: unpack(color.values, Uint8Array),
    exact: color.exact ? unpack(color.exact, Float32Array) : null,
  }));
  const samples = data.samples;
  if (samples.kind === "table") { samples.values = unpack(samples.values, Float32Array); samples.back = unpack(samples.back, Float32Array); }
  if (samples.kind === "series") { samples.values = unpack(samples.values, Uint8Array); samples.back = unpack(samples.back, Uint8Array); }

  // Told apart by people who see no red or no green; one list for each ground.
  const PALETTES = {
    light: ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#6a51a3", "#8c8c00", "#7f3b08", "#3f9b9b",
      "#b2182b", "#1b7837", "#4d4d4d", "#f1a3c0", "#a6761d", "#2c3e91", "#66c2a5", "#d4b483", "#b15fd0", "#999999"],
    dark: ["#4aa8ff", "#ffb733", "#2fd6a3", "#f29ac8", "#9adcff", "#ff8552", "#b39ddb", "#dede5a", "#d9a06b", "#7fe0e0",
      "#ff7a85", "#7fce7f", "#c2c2c2", "#ffd0e2", "#e0b04c", "#8fa4ff", "#a8f0d8", "#f0dcb8", "#d9a0f5", "#8a96a3"],
  };
  const SCALE = ["#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#a0da39", "#fde725"];
  const FAINT = { light: "#dde2e7", dark: "#2b343d" };
  const GROUND = { light: "#ffffff", dark: "#161c23" };

  const parse = (color) => [1, 3, 5].map((place) => parseInt(color.slice(place, place + 2), 16));
  const word = (color) => { const [r, g, b] = parse(color); return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0; };
  const between = (share) => {
    const place = Math.min(share * (SCALE.length - 1), SCALE.length - 1.000001), low = Math.floor(place), part = place - low;
    const [a, b] = [parse(SCALE[low]), parse(SCALE[low + 1])];
    return "#" + a.map((value, at) => Math.round(value + (b[at] - value) * part).toString(16).padStart(2, "0")).join("");
  };
  let printing = false;
  const theme = () => (!printing && getComputedStyle(document.documentElement).colorScheme === "dark" ? "dark" : "light");
  const element = (tag, text, name) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (name) made.className = name;
    return made;
  };
  const number = (value) => (Number.isFinite(value) ? String(Number(value.toPrecision(4))) : "-");

  // The view: pixels of the canvas are left + scaleX * x, with x and y in steps of the packed positions.
  const STEPS = 65535, extent = { x: 1, y: 1 };
  for (let i = 0; i < n; i++) { extent.x = Math.max(extent.x, across[i]); extent.y = Math.max(extent.y, up[i]); }
  const view = { zoom: 1, x: extent.x / 2, y: extent.y / 2 };
  let width = 0, height = 0, ratio = 1, base = { x: 1, y: 1 }, image = null, words = null, context = canvas.getContext("2d", { alpha: false });
  let current = colors[0], only = -1, chosen = -1, asked = false;
  const api = { frames: 0, milliseconds: 0, points: n, pictured: data.pictured, color: current.name, view, shown: -1 };
  window.isthmusMap = api;

  const fit = () => {
    ratio = Math.min(window.devicePixelRatio || 1, 2);
    width = Math.max(1, Math.round(canvas.clientWidth * ratio));
    height = Math.max(1, Math.round(canvas.clientHeight * ratio));
    canvas.width = width;
    canvas.height = height;
    image = context.createImageData(width, height);
    words = new Uint32Array(image.data.buffer);
    const margin = 0.92;
    base = { x: (margin * width) / extent.x, y: (margin * height) / extent.y };
    // Distances count where both axes have one unit, as the packing says.
    const [first, second] = data.axes;
    if (Math.abs(first.high - first.low - (second.high - second.low)) < 1e-9 * (first.high - first.low)) base.x = base.y = Math.min(base.x, base.y);
    ask();
  };
  const ask = () => {
    if (!asked) { asked = true; requestAnimationFrame(draw); }
  };
  const scales = () => [base.x * view.zoom, base.y * view.zoom];

  function draw() {
    asked = false;
    const started = performance.now(), mode = theme();
    const lookup = new Uint32Array(256), faint = word(FAINT[mode]);
    if (current.kind === "categories") current.names.forEach((_, place) => { lookup[place] = word(PALETTES[mode][place % 20]); });
    else for (let step = 0; step < 256; step++) lookup[step] = word(between(step / 255));
    words.fill(word(GROUND[mode]));
    const [sx, sy] = scales(), left = width / 2 - sx * view.x, top = height / 2 + sy * view.y;
    const few = n < 500 ? 3 : n < 3000 ? 2 : 1.3;
    const radius = Math.min(6, few * Math.min(2.2, Math.pow(view.zoom, 0.35))) * ratio, reach = Math.max(0, Math.round(radius - 0.5));
    // Half the width of each line of a dot, so that the inner loop only fills.
    const halves = [];
    for (let dy = -reach; dy <= reach; dy++) halves.push(Math.floor(Math.sqrt(Math.max(0, (reach + 0.3) ** 2 - dy * dy))));
    const values = current.values, dots = (wanted) => {
      for (let i = 0; i < n; i++) {
        if ((only < 0 || values[i] === only) !== wanted) continue;
        const px = (left + sx * across[i]) | 0, py = (top - sy * up[i]) | 0;
        if (px < reach || py < reach || px >= width - reach || py >= height - reach) continue;
        const color = wanted ? lookup[values[i]] : faint;
        for (let line = 0, at = (py - reach) * width + px; line < halves.length; line++, at += width) {
          const half = halves[line];
          for (let place = at - half; place <= at + half; place++) words[place] = color;
        }
      }
    };
    if (only >= 0) dots(false);
    dots(true);
    context.putImageData(image, 0, 0);
    if (chosen >= 0) ring(left + sx * across[chosen], top - sy * up[chosen], radius, mode);
    api.frames += 1;
    api.milliseconds += performance.now() - started;
  }
  function ring(x, y, radius, mode) {
    for (const [size, color] of [[4.5, GROUND[mode]], [3, mode === "dark" ? "#ffffff" : "#000000"]]) {
      context.beginPath();
      context.arc(x, y, radius + size * ratio, 0, 2 * Math.PI);
      context.lineWidth = (size === 3 ? 2 : 3) * ratio;
      context.strokeStyle = color;
      context.stroke();
    }
  }

  const hold = () => {
    view.zoom = Math.min(400, Math.max(0.5, view.zoom));
    view.x = Math.min(extent.x, Math.max(0, view.x));
    view.y = Math.min(extent.y, Math.max(0, view.y));
  };
  const pan = (dx, dy) => {
    const [sx, sy] = scales();
    view.x -= (dx * ratio) / sx;
    view.y += (dy * ratio) / sy;
    hold();
    if (chosen >= 0) place();
    ask();
  };
  const zoom = (factor, px = canvas.clientWidth / 2, py = canvas.clientHeight / 2) => {
    const [sx, sy] = scales(), dx = px * ratio - width / 2, dy = py * ratio - height / 2;
    const x = view.x + dx / sx, y = view.y - dy / sy;
    view.zoom *= factor;
    hold();
    const [nx, ny] = scales();
    view.x = x - dx / nx;
    view.y = y + dy / ny;
    hold();
    if (chosen >= 0) place();
    ask();
  };
  const whole = () => { Object.assign(view, { zoom: 1, x: extent.x / 2, y: extent.y / 2 }); hide(); ask(); };
  api.pan = pan;
  api.zoom = zoom;

  // Points with a sample are the first ones; they are preferred, and others are found when no such point is near.
  const nearest = (px, py) => {
    const [sx, sy] = scales(), left = width / 2 - sx * view.x, top = height / 2 + sy * view.y;
    const find = (count, reach) => {
      let best = -1, least = (reach * ratio) ** 2;
      for (let i = 0; i < count; i++) {
        if (only >= 0 && current.values[i] !== only) continue;
        const dx = left + sx * across[i] - px * ratio, dy = top - sy * up[i] - py * ratio, far = dx * dx + dy * dy;
        if (far < least) { least = far; best = i; }
      }
      return best;
    };
    const pictured = find(data.pictured, 14);
    return pictured >= 0 ? pictured : find(n, 6);
  };
  const facts = (point) => [
    "row " + rows[point],
    ...colors.map((color) => color.name + " " + (color.kind === "categories" ? color.names[color.values[point]] : number(color.exact[point]))),
  ];
  const thumbnail = (uri, point, name) => {
    const wide = canvas.clientWidth < 480 ? 72 : 104, figure = element("figure"), picture = element("div", undefined, "thumbnail"), column = point % samples.columns;
    const line = Math.floor(point / samples.columns), size = wide / samples.width, lines = Math.ceil(data.pictured / samples.columns);
    Object.assign(picture.style, {
      height: samples.height * size + "px", width: wide + "px", backgroundImage: `url(${uri})`,
      backgroundSize: `${samples.columns * wide}px ${lines * samples.height * size}px`,
      backgroundPosition: `${-column * wide}px ${-line * samples.height * size}px`,
    });
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-label", `${name} of row ${rows[point]}`);
    figure.append(picture, element("figcaption", name));
    return figure;
  };
  const table = (point) => {
    const made = element("table"), head = element("tr"), width = samples.names.length;
    for (const name of ["", "value", "back"]) head.append(element("th", name));
    made.append(head);
    samples.names.forEach((name, column) => {
      const line = element("tr"), at = point * width + column;
      line.append(element("th", name), element("td", number(samples.values[at])), element("td", number(samples.back[at])));
      made.append(line);
    });
    return made;
  };
  const curves = (point) => {
    const line = (name, values) => {
      const points = Array.from({ length: samples.length }, (_, at) => {
        const across = (200 * at) / Math.max(1, samples.length - 1), down = 78 - (76 * values[point * samples.length + at]) / 255;
        return `${across.toFixed(1)},${down.toFixed(1)}`;
      });
      return `<polyline class="${name}" points="${points.join(" ")}"/>`;
    };
    const made = element("div");
    // Numbers only; no text of a row goes this way.
    made.innerHTML = `<svg class="curve" viewBox="0 0 200 80">${line("original", samples.values)}${line("back", samples.back)}</svg>`;
    return made;
  };
  const show = (point, aloud = false) => {
    if (point === chosen) return;
    chosen = api.shown = point;
    box.replaceChildren();
    if (point < data.pictured) {
      if (samples.kind === "image") {
        const pair = element("div", undefined, "pair");
        pair.append(thumbnail(samples.uri, point, "original"), thumbnail(samples.back, point, "reconstruction"));
        box.append(pair);
      } else if (samples.kind === "table") {
        box.append(table(point));
        if (samples.n_columns > samples.names.length) box.append(element("p", `${samples.names.length} of ${samples.n_columns} columns`));
      } else box.append(curves(point));
    }
    for (const fact of facts(point)) box.append(element("p", fact));
    box.hidden = false;
    place();
    if (aloud) said.textContent = facts(point).join(", ");
    ask();
  };
  function place() {
    const [sx, sy] = scales();
    const x = (width / 2 + sx * (across[chosen] - view.x)) / ratio, y = (height / 2 - sy * (up[chosen] - view.y)) / ratio;
    const space = { x: canvas.clientWidth - box.offsetWidth, y: canvas.clientHeight - box.offsetHeight };
    // On a narrow map the sample stands at the far end, so that it does not lie on its own point.
    if (canvas.clientWidth < 480) {
      box.style.left = Math.max(0, Math.min(space.x, x - box.offsetWidth / 2)) + "px";
      box.style.top = (y > canvas.clientHeight / 2 ? 0 : Math.max(0, space.y)) + "px";
      return;
    }
    const beside = x + 16 > space.x ? x - box.offsetWidth - 16 : x + 16;
    box.style.left = Math.max(0, Math.min(space.x, beside)) + "px";
    box.style.top = Math.max(0, Math.min(space.y, y - box.offsetHeight / 2)) + "px";
  }
  const hide = () => {
    if (chosen < 0) return;
    chosen = api.shown = -1;
    box.hidden = true;
    ask();
  };
  // From sample to sample by keys: those in sight, from left to right.
  const step = (direction) => {
    const [sx, sy] = scales(), seen = [];
    for (let i = 0; i < data.pictured; i++) {
      const x = Math.abs(sx * (across[i] - view.x)), y = Math.abs(sy * (up[i] - view.y));
      if (x <= width / 2 && y <= height / 2 && (only < 0 || current.values[i] === only)) seen.push(i);
    }
    seen.sort((a, b) => across[a] - across[b] || a - b);
    if (!seen.length) { said.textContent = "No sample in sight."; return; }
    const at = seen.indexOf(chosen);
    show(seen[at < 0 ? (direction > 0 ? 0 : seen.length - 1) : (at + direction + seen.length) % seen.length], true);
  };

  const fingers = new Map();
  const spot = (event) => { const frame = canvas.getBoundingClientRect(); return [event.clientX - frame.left, event.clientY - frame.top]; };
  canvas.addEventListener("pointerdown", (event) => {
    fingers.set(event.pointerId, spot(event));
    canvas.setPointerCapture(event.pointerId);
    canvas.classList.add("moving");
  });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = spot(event), before = fingers.get(event.pointerId);
    if (!before) {
      const point = nearest(x, y);
      if (point >= 0) show(point); else hide();
      return;
    }
    const other = [...fingers].find(([id]) => id !== event.pointerId);
    if (other) {
      const [ox, oy] = other[1], was = Math.hypot(before[0] - ox, before[1] - oy), is = Math.hypot(x - ox, y - oy);
      if (was > 0) zoom(is / was, (x + ox) / 2, (y + oy) / 2);
    } else pan(x - before[0], y - before[1]);
    fingers.set(event.pointerId, [x, y]);
  });
  const lift = (event) => {
    fingers.delete(event.pointerId);
    if (!fingers.size) canvas.classList.remove("moving");
  };
  canvas.addEventListener("pointerup", (event) => {
    lift(event);
    const point = nearest(...spot(event));
    if (event.pointerType === "touch") { if (point >= 0) show(point); else hide(); }
  });
  canvas.addEventListener("pointercancel", lift);
  canvas.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse" && document.activeElement !== canvas) hide(); });
  canvas.addEventListener("blur", hide);
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), ...spot(event));
  }, { passive: false });
  const KEYS = {
    ArrowLeft: () => pan(60, 0), ArrowRight: () => pan(-60, 0), ArrowUp: () => pan(0, 60), ArrowDown: () => pan(0, -60),
    "+": () => zoom(1.3), "=": () => zoom(1.3), "-": () => zoom(1 / 1.3), 0: whole,
    n: () => step(1), p: () => step(-1), N: () => step(1), P: () => step(-1), Escape: hide,
  };
  canvas.addEventListener("keydown", (event) => {
    if (KEYS[event.key] && !event.ctrlKey && !event.metaKey && !event.altKey) { event.preventDefault(); KEYS[event.key](); }
  });
  byId("in").addEventListener("click", () => zoom(1.5));
  byId("out").addEventListener("click", () => zoom(1 / 1.5));
  byId("reset").addEventListener("click", whole);

  const explain = () => {
    const mode = theme();
    legend.replaceChildren();
    if (current.kind === "scale") {
      const bar = element("span", undefined, "gradient"), line = element("span", undefined, "scale");
      bar.style.background = `linear-gradient(to right, ${SCALE.join(", ")})`;
      line.append(element("span", current.low), bar, element("span", current.high + (current.text === current.name ? "" : ", " + current.text)));
      legend.append(line);
      return;
    }
    current.names.forEach((name, category) => {
      const button = element("button"), dot = element("span", undefined, "dot");
      button.type = "button";
      button.setAttribute("aria-pressed", String(only === category));
      dot.style.background = PALETTES[mode][category % 20];
      button.append(dot, element("span", name), element("span", String(current.counts[category]), "count"));
      button.addEventListener("click", () => {
        only = only === category ? -1 : category;
        said.textContent = only < 0 ? "All points are colored." : `Only ${current.name} ${name} is colored.`;
        legend.querySelectorAll("button").forEach((each, place) => each.setAttribute("aria-pressed", String(place === only)));
        ask();
      });
      legend.append(button);
    });
  };
  colors.forEach((color, place) => { const option = element("option", color.name); option.value = place; select.append(option); });
  select.addEventListener("change", () => {
    current = colors[Number(select.value)];
    api.color = current.name;
    only = -1;
    explain();
    ask();
  });
  // On paper the ground is light, whatever the screen's is.
  const print = (begins) => { printing = begins; explain(); draw(); };
  window.addEventListener("beforeprint", () => print(true));
  window.addEventListener("afterprint", () => print(false));
  document.addEventListener("themechange", () => { explain(); ask(); });
  new ResizeObserver(fit).observe(canvas);
  explain();
  fit();
})();
