"use strict";
(() => {
  const $ = id => document.getElementById(id);
  const { length, height, lanes, actors, marks, overview } = JSON.parse($("data").textContent);
  const plot = $("plot"), arrows = $("arrows"), ruler = $("ruler"), tip = $("tip");
  const server = lanes[1];
  /** The shortest time across the picture, in seconds. */
  const CLOSEST = 2e-6;
  /** More marks than this are thinned out where they would cover each other. */
  const CROWD = 2500;
  const ALL = { from: -0.03 * Math.max(length, 1e-3), span: 1.08 * Math.max(length, 1e-3) };
  const view = { ...ALL };
  let chosen = null, drawn = new Set(), width = 0, drawing = false;
  marks.forEach((mark, index) => { mark.index = index; });

  const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
  const across = time => (time - view.from) / view.span * width;
  const timeAt = x => view.from + x / width * view.span;

  function html(parent, name, text, place) {
    const node = parent.appendChild(document.createElement("div"));
    node.className = name;
    if (text) node.appendChild(document.createElement("span")).textContent = text;
    if (place) Object.assign(node.style, { top: place.y + "px", height: place.h + "px" });
    return node;
  }
  function svg(parent, name, attributes) {
    const node = parent.appendChild(document.createElementNS("http://www.w3.org/2000/svg", name));
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    return node;
  }
  function set(node, attributes) {
    for (const key in attributes) node.setAttribute(key, attributes[key]);
  }

  // What stands still: the names and the lanes' ground.
  $("names").style.height = plot.style.height = height + "px";
  lanes.forEach((lane, index) => {
    const band = html(plot, "band", "", lane);
    plot.insertBefore(band, arrows);
    const where = index === 0 ? " top" : index === 2 ? " bottom" : "";
    const rows = actors.some(actor => actor.y >= lane.y && actor.y < lane.y + lane.h);
    const name = html($("names"), "lane" + (rows ? where : ""), lane.label, lane);
    if (lane.id) name.appendChild(document.createElement("small")).textContent = lane.id;
  });
  for (const actor of actors) html($("names"), "row", actor.name, actor);
  document.querySelector("#overview path").setAttribute("d", overview);
  const grid = svg(arrows, "g"), pen = document.createElement("canvas").getContext("2d");
  pen.font = `11px ${getComputedStyle(document.body).fontFamily}`;

  /** Makes the nodes of a mark that comes into sight. */
  function make(mark) {
    const { index } = mark;
    const below = mark.arrow && mark.arrow.from > mark.arrow.to ? " below" : "";
    const shape = mark.w === null ? " tick" : " span-bar";
    mark.node = html(plot, `mark ${mark.kind}${shape}${below}`, mark.label, mark);
    mark.node.dataset.index = index;
    mark.node.style.zIndex = index + 1;
    mark.text = mark.node.firstChild;
    mark.textWidth = pen.measureText(mark.label).width + 12;
    if (!mark.arrow) return;
    const group = mark.line = svg(arrows, "g", { class: `arrow ${mark.kind}`, "data-index": index });
    mark.lines = [svg(group, "line", { class: "hit" }), svg(group, "line")];
    mark.stop = svg(group, "line");
    mark.head = svg(group, "path");
  }
  function drop(mark) {
    mark.node.remove();
    mark.line?.remove();
    mark.node = null;
  }

  /** Cuts a line to what is seen, since far ends are too far for a browser. */
  function cut(x1, y1, x2, y2) {
    const at = x => y1 + (y2 - y1) * (x - x1) / (x2 - x1);
    const end = (x, y) => {
      const inside = clamp(x, -50, width + 50);
      return inside === x ? [x, y] : [inside, at(inside)];
    };
    return [...end(x1, y1), ...end(x2, y2)];
  }

  function drawArrow(mark) {
    const { arrow } = mark, here = across(mark.x), there = across(arrow.x);
    const goes = mark.kind === "sent";
    const [x1, y1, x2, y2] = cut(here, arrow.from, there, arrow.to);
    for (const line of mark.lines) set(line, { x1, y1, x2, y2 });
    // The head stands at the end, and upright, so that it is seen on the steepest line.
    const [x, y] = goes ? [there, arrow.to] : [here, arrow.from];
    const back = (arrow.to > arrow.from) === goes ? -7 : 7;
    const seen = Math.abs(x) < 1e5;
    mark.head.style.display = mark.stop.style.display = seen ? "" : "none";
    if (seen) set(mark.head, { d: `M${x} ${y}l-3.5 ${back}h7z` });
    const end = arrow.to === server.y ? server.h / 2 - 2 : 2 - server.h / 2;
    if (Math.abs(there) < 1e5) set(mark.stop, { x1: there, x2: there, y1: arrow.to, y2: arrow.to + end });
  }

  function drawMark(mark, bars) {
    const left = across(mark.x), { style } = mark.node;
    if (mark.w === null) {
      style.transform = `translateX(${Math.round(left * 2) / 2}px)`;
      return;
    }
    const from = clamp(left, -4, width + 4), to = clamp(across(mark.x + mark.w), -4, width + 4);
    style.transform = `translateX(${from}px)`;
    style.width = Math.max(2, to - from) + "px";
    mark.text.hidden = to - from < mark.textWidth;
    // A bar that begins on the label of the one before it covers that.
    const before = bars.get(mark.y);
    if (before && from < before.end) before.text.hidden = true;
    bars.set(mark.y, { text: mark.text, end: from + mark.textWidth });
  }

  /** Shows the labels of ticks, as far as there is room in their rows; those of `ack` come last. */
  function drawLabels(ticks) {
    const taken = new Map();
    for (const mark of [...ticks.filter(mark => mark.kind !== "ack"), ...ticks.filter(mark => mark.kind === "ack")]) {
      const row = taken.get(mark.y) ?? [];
      const tick = across(mark.x), left = Math.min(tick, width - mark.textWidth), right = left + mark.textWidth;
      const room = row.every(([from, to]) => right <= from || left >= to);
      mark.text.hidden = !room;
      mark.text.style.marginLeft = Math.max(left - tick, -mark.textWidth) + "px";
      if (room) taken.set(mark.y, [...row, [left, right]]);
    }
  }

  /** Leaves out what covers another of its row. */
  function thinned(seen) {
    const last = new Map();
    return seen.filter(mark => {
      const x = across(mark.x);
      if (mark === chosen || (mark.w ?? 0) / view.span * width >= 2) return true;
      if (x - last.get(mark.y) < 1) return false;
      last.set(mark.y, x);
      return true;
    });
  }
  /** Whether both are of one frame. */
  const together = (one, other) => one === other || (one.journey !== null && one.journey === other.journey);

  function draw() {
    drawing = false;
    const before = width;
    width = Math.max(1, plot.clientWidth);
    // The details beside the picture take room from it and leave what is seen where it is.
    if (before && before !== width && view.span < ALL.span) show(view.from, view.span * width / before);
    const low = timeAt(-100), high = timeAt(width + 20);
    const seen = marks.filter(mark => {
      const to = mark.x + (mark.w ?? 0), end = mark.arrow ? mark.arrow.x : to;
      return Math.max(to, end) >= low && Math.min(mark.x, end) <= high;
    });
    const now = new Set(seen.length > CROWD ? thinned(seen) : seen);
    for (const mark of drawn) if (!now.has(mark)) drop(mark);
    drawn = now;
    const bars = new Map();
    for (const mark of drawn) {
      if (!mark.node) make(mark);
      drawMark(mark, bars);
      if (mark.arrow) drawArrow(mark);
      const on = Boolean(chosen) && together(mark, chosen);
      mark.node.classList.toggle("on", on);
      mark.line?.classList.toggle("on", on);
      mark.node.classList.toggle("chosen", mark === chosen);
    }
    drawLabels([...drawn].filter(mark => mark.w === null));
    drawRuler();
    plot.classList.toggle("picked", Boolean(chosen));
    const share = time => clamp((time - ALL.from) / ALL.span, 0, 1) * 100;
    const left = share(view.from);
    Object.assign($("window").style, { left: left + "%", width: share(view.from + view.span) - left + "%" });
    plot.dataset.from = view.from;
    plot.dataset.span = view.span;
  }

  function drawRuler() {
    const rough = view.span * 105 / width, power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find(n => n * power >= rough);
    ruler.replaceChildren();
    grid.replaceChildren();
    for (let n = Math.ceil(view.from / step); n * step <= view.from + view.span; n++) {
      const x = Math.round(across(n * step)) + 0.5;
      svg(ruler, "line", { x1: x, x2: x, y1: 20, y2: 28 });
      const label = clock(n * step, step);
      if (x + 4 + pen.measureText(label).width < width) svg(ruler, "text", { x: x + 4, y: 17 }).textContent = label;
      svg(grid, "line", { class: "grid", x1: x, x2: x, y1: 0, y2: height });
    }
  }

  /** A time of the ruler, told as exactly as its step. */
  function clock(time, step) {
    const far = Math.max(Math.abs(view.from), Math.abs(view.from + view.span)) >= 1;
    const [unit, factor] = far ? ["s", 1] : ["ms", 1e3];
    const digits = clamp(Math.ceil(-Math.log10(step * factor) - 1e-9), 0, 9);
    return `${(time * factor).toFixed(digits)} ${unit}`;
  }
  function duration(seconds) {
    const size = Math.abs(seconds);
    if (size < 1e-3) return `${(seconds * 1e6).toFixed(0)} µs`;
    return size < 1 ? `${(seconds * 1e3).toFixed(2)} ms` : `${seconds.toFixed(3)} s`;
  }
  /** What is known of a mark's times, a line each. */
  function times(mark) {
    const lines = [`${lanes[mark.lane].label}, at ${duration(mark.x)}`];
    if (mark.w !== null) lines.push(`took ${duration(mark.w)}`);
    if (mark.arrow && mark.kind === "sent") lines.push(`reached the server after ${duration(mark.arrow.x - mark.x)}`);
    else if (mark.arrow) lines.push(`${duration(mark.x - mark.arrow.x)} after it left the server`);
    return lines;
  }

  function redraw() {
    if (!drawing) requestAnimationFrame(draw);
    drawing = true;
  }
  function show(from, span) {
    view.span = clamp(span, CLOSEST, ALL.span);
    view.from = clamp(from, ALL.from, ALL.from + ALL.span - view.span);
  }
  function look(from, span) {
    show(from, span);
    redraw();
  }
  function zoom(factor, x = width / 2) {
    const time = timeAt(x), span = clamp(view.span / factor, CLOSEST, ALL.span);
    look(time - x / width * span, span);
  }
  const move = pixels => look(view.from + pixels / width * view.span, view.span);

  function choose(mark) {
    chosen = mark;
    $("details").hidden = !mark;
    if (mark) {
      $("what").textContent = mark.label;
      $("when").textContent = times(mark).join(" · ");
      $("event").textContent = mark.event;
      draw();
      const x = across(mark.x);
      if (x < 0 || x > width) look(mark.x - view.span / 2, view.span);
    }
    redraw();
  }
  /** Goes to the next mark in time, or the one before. */
  function step(by) {
    const now = chosen ? marks.indexOf(chosen) : -1;
    const to = now < 0 ? marks.findIndex(mark => mark.x >= view.from) : now + by;
    if (!marks[to]) return;
    choose(marks[to]);
    // Behind the redrawing that the choice has asked for.
    requestAnimationFrame(() => chosen?.node?.scrollIntoView({ block: "nearest" }));
  }
  /** Fills the picture with the chosen mark, with all of a frame's way. */
  function near() {
    if (!chosen) return;
    const of = marks.filter(mark => together(mark, chosen));
    const times = of.flatMap(mark => [mark.x, mark.x + (mark.w ?? 0), mark.arrow ? mark.arrow.x : mark.x]);
    const from = times.reduce((a, b) => Math.min(a, b)), to = times.reduce((a, b) => Math.max(a, b));
    const span = to > from ? (to - from) * 1.5 : view.span / 10;
    look((from + to - span) / 2, span);
  }

  /** How far a mark or its arrow is from a place in the picture, across. */
  function away(mark, x, y) {
    const { arrow } = mark, here = across(mark.x);
    if (arrow && (y < mark.y || y > mark.y + mark.h)) {
      const part = clamp((y - arrow.from) / (arrow.to - arrow.from), 0, 1);
      return Math.abs(here + (across(arrow.x) - here) * part - x);
    }
    return Math.max(here - x, x - across(mark.x + (mark.w ?? 0)), 0);
  }
  /** The mark that a pointer means: the nearest of those that it touches. */
  function markAt(event) {
    const box = plot.getBoundingClientRect();
    const x = event.clientX - box.left, y = event.clientY - box.top;
    const nodes = document.elementsFromPoint(event.clientX, event.clientY);
    const touched = nodes.map(node => node.closest("[data-index]")).filter(Boolean).map(node => marks[node.dataset.index]);
    touched.sort((one, other) => away(one, x, y) - away(other, x, y));
    return touched[0] ?? null;
  }
  function showTip(event) {
    const mark = event.pointerType === "touch" || fingers.size ? null : markAt(event);
    tip.hidden = !mark;
    if (!mark) return;
    tip.firstChild.textContent = mark.label;
    tip.lastChild.textContent = times(mark).join("\n");
    const x = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
    const y = event.clientY + 18 + tip.offsetHeight > innerHeight ? event.clientY - tip.offsetHeight - 10 : event.clientY + 18;
    tip.style.transform = `translate(${Math.max(8, x)}px, ${y}px)`;
  }

  // Pointers: one moves, two zoom, and one that stays where it is chooses.
  const fingers = new Map();
  let pressed = null;
  const inside = x => x - plot.getBoundingClientRect().left;
  plot.addEventListener("pointerdown", event => {
    if (event.button) return;
    pressed = fingers.size ? null : { x: event.clientX, mark: markAt(event) };
    fingers.set(event.pointerId, event.clientX);
    plot.setPointerCapture(event.pointerId);
  });
  plot.addEventListener("pointermove", event => {
    showTip(event);
    const before = fingers.get(event.pointerId);
    if (before === undefined) return;
    const other = [...fingers].find(([id]) => id !== event.pointerId);
    fingers.set(event.pointerId, event.clientX);
    if (other) {
      const apart = (Math.abs(event.clientX - other[1]) + 1) / (Math.abs(before - other[1]) + 1);
      return zoom(apart, inside((event.clientX + other[1]) / 2));
    }
    if (pressed && Math.abs(event.clientX - pressed.x) < 4) return;
    pressed = null;
    plot.classList.add("moving");
    move(before - event.clientX);
  });
  const lift = event => {
    if (!fingers.delete(event.pointerId)) return;
    plot.classList.remove("moving");
    if (pressed && event.type === "pointerup") choose(pressed.mark);
    pressed = null;
  };
  plot.addEventListener("pointerup", lift);
  plot.addEventListener("pointercancel", lift);
  plot.addEventListener("pointerleave", () => { tip.hidden = true; });
  plot.addEventListener("dblclick", event => zoom(3, inside(event.clientX)));
  plot.addEventListener("wheel", event => {
    const unit = event.deltaMode ? 30 : 1;
    if (event.ctrlKey || event.metaKey) zoom(Math.exp(-clamp(event.deltaY * unit, -200, 200) / 250), inside(event.clientX));
    else if (event.deltaX || event.shiftKey) move((event.deltaX || event.deltaY) * unit);
    else return;
    event.preventDefault();
  }, { passive: false });

  const strip = $("overview");
  const slide = event => {
    if (event.type === "pointermove" && !strip.hasPointerCapture(event.pointerId)) return;
    strip.setPointerCapture(event.pointerId);
    const box = strip.getBoundingClientRect();
    look(ALL.from + (event.clientX - box.left) / box.width * ALL.span - view.span / 2, view.span);
  };
  strip.addEventListener("pointerdown", slide);
  strip.addEventListener("pointermove", slide);

  const all = () => look(ALL.from, ALL.span);
  const actions = {
    "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5), "0": all, Home: all,
    ArrowLeft: event => event.shiftKey ? move(-width / 5) : step(-1),
    ArrowRight: event => event.shiftKey ? move(width / 5) : step(1),
    Enter: near, Escape: () => choose(null),
  };
  document.addEventListener("keydown", event => {
    // A button is pressed with Enter, and a text scrolled with the arrows.
    const taken = event.target.closest(event.key === "Enter" ? "button" : "pre") && event.key !== "Escape";
    const action = actions[event.key];
    if (!action || taken || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action(event);
  });
  const buttons = { in: () => zoom(2), out: () => zoom(1 / 2), all, previous: () => step(-1), next: () => step(1), near, close: () => choose(null) };
  for (const id in buttons) $(id).addEventListener("click", buttons[id]);

  new ResizeObserver(redraw).observe(plot);
  draw();
})();
