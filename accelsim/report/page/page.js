"use strict";
// Charts of a report: each is a table by column and how it is drawn. One state for all: which values
// of a column are kept, which rows were brushed, and of each chart its measure, choice and series.
(async () => {
const OKABE_ITO = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#B8A900", "#7F7F7F"];
const SHAPES = ["", "/", "x", "."], DASHES = ["solid", "dash", "dot", "dashdot"], SYMBOLS = ["circle", "square", "diamond", "triangle-up", "x", "cross", "star"];
const PAPER = 680;  // pixels of a printed page
const ALL_DESIGNS = 4;  // more are chosen from
const SLIM = 80;    // bars; more are drawn thinner
async function content(id) {
  const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), c => c.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}
const data = JSON.parse(await content("data")), charts = data.charts.map(unpacked);
const kept = new Map(), brushed = new Map(), colours = new Map();
let printing = false;

function unpacked(chart, id) {
  const {columns, values} = chart.table, table = {}, heads = {};
  columns.forEach((column, n) => {
    const found = values[n];
    heads[column.key] = column.unit === "m2" ? {...column, unit: "mm2"} : column;
    table[column.key] = Array.isArray(found) ? found : found.of.map(code => found.texts[code]);
  });
  const count = columns.length ? table[columns[0].key].length : 0;
  return {...chart, id, table, heads, count, measure: chart.y[0], chosen: null, hidden: new Set(),
    token: columns.map(c => c.key).join() + count};
}

// -- values as text -----------------------------------------------------------------------------------
const STEPS = {"-15": "f", "-12": "p", "-9": "n", "-6": "u", "-3": "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"};
const FACTORS = {m: 1e3, u: 1e6, n: 1e9, p: 1e12, k: 1e-3, M: 1e-6, G: 1e-9};
function inUnit(value, unit) {      // SI to the unit of a column
  if (unit === "mm2") return value * 1e6;
  if (unit === "%") return value * 100;
  return unit.length > 1 && unit in FIXED ? value * FIXED[unit] : value;
}
const FIXED = {mW: 1e3, ns: 1e9, us: 1e6, ms: 1e3, pJ: 1e12, nJ: 1e9, uJ: 1e6, mJ: 1e3, nm: 1e9, MiB: 2 ** -20, KiB: 2 ** -10};
const prefixed = unit => unit && !(unit in FIXED) && !["1", "%", "x", "mm2", "year", "K", "b"].includes(unit);
const DURATIONS = [[86400, "d"], [3600, "h"], [60, "min"]];
const duration = seconds => DURATIONS.find(([size]) => Math.abs(seconds) >= 2 * size);
function text(value, unit) {
  if (value === null || value === undefined) return "-";
  if (typeof value === "object") return value.alert;
  if (typeof value !== "number") return String(value);
  const long = unit === "s" && duration(value);
  if (long) return (value / long[0]).toPrecision(3) + " " + long[1];
  if (unit === "MiB" && Math.abs(value) < 2 ** 20) return text(value, "KiB");
  if (prefixed(unit)) {
    if (unit === "#") { if (Math.abs(value) < 1e3) return String(+value.toPrecision(3)); unit = ""; }
    if (!value) return "0 " + unit;
    const step = Math.min(12, Math.max(-15, 3 * Math.floor(Math.log10(Math.abs(value)) / 3 + 1e-9)));
    return ((value / 10 ** step).toPrecision(3) + " " + STEPS[step] + unit).trim();
  }
  const own = inUnit(value, unit), size = Math.abs(own);
  const shown = Number.isInteger(own) || (size && (size >= 1e5 || size < 1e-3)) ? (size >= 1e7 || (size && size < 1e-3) ? own.toExponential(2) : String(own)) : String(+own.toPrecision(4));
  return shown + (["", "1", "#"].includes(unit) ? "" : unit === "x" ? "x" : " " + unit);
}
const safe = value => String(value).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const flat = title => title.replace(/-?\n/g, found => found === "\n" ? " " : "");
function titled(chart, key) {
  const {title, unit} = chart.heads[key];
  return safe(flat(title)) + (!unit || ["1", "#", "x"].includes(unit) || prefixed(unit) ? "" : ` [${unit}]`);
}

// -- rows that are shown ------------------------------------------------------------------------------
function rows(chart, own = true) {
  const found = [], brush = brushed.get(chart.token);
  for (let n = 0; n < chart.count; n++) {
    if (chart.choice && chart.chosen !== null && chart.table[chart.choice][n] !== chart.chosen) continue;
    if (brush && own && !brush.has(n)) continue;
    let passes = true;
    for (const [key, values] of kept) if (chart.table[key] && key !== chart.choice && !values.has(chart.table[key][n]) && (key !== "design" || KNOWN.has(chart.table[key][n]))) { passes = false; break; }
    if (passes) found.push(n);
  }
  return found;
}
const distinct = values => [...new Set(values)];
const seriesOf = (chart, of) => chart.series ? distinct(of.map(n => chart.table[chart.series][n])) : [""];
function ofDesigns(chart) {         // whether each value of the series is one design
  const {design} = chart.table, series = chart.table[chart.series];
  return design && series && new Set(series.map((name, n) => JSON.stringify([name, design[n]]))).size === Math.max(new Set(series).size, new Set(design).size);
}
function colour(chart, name) {      // one colour for one name of a column, all over the page; of a design on all pages of a workload
  if (name === "free") return {of: "#7F7F7F44", shape: ""};
  let key = chart.series;
  if (ofDesigns(chart)) [key, name] = ["design", chart.table.design[chart.table[key].indexOf(name)]];
  if (key === "case") key = "design";
  if (key === "design" && !name) return {of: "#7F7F7F", shape: "", symbol: "diamond"};
  const known = colours.get(key) ?? colours.set(key, key === "design" ? [...data.designs] : []).get(key);
  if (!known.includes(name)) known.push(name);
  const n = known.indexOf(name);
  return {of: OKABE_ITO[n % 8], shape: SHAPES[Math.floor(n / 8) % 4], symbol: SYMBOLS[n % 7]};
}
function summed(chart) {            // bars: for each place, each series' sum
  const found = new Map(), of = rows(chart), y = chart.table[chart.measure];
  for (const n of of) {
    const place = JSON.stringify(chart.x.map(key => chart.table[key][n]));
    const name = chart.series ? chart.table[chart.series][n] : "";
    if (!found.has(place)) found.set(place, new Map());
    found.get(place).set(name, (found.get(place).get(name) ?? 0) + (y[n] ?? 0));
  }
  for (const [place, sums] of found) if (![...sums.values()].some(Boolean)) found.delete(place);
  const order = chart.x.map(key => distinct(chart.table[key]));
  const places = [...found.keys()].map(place => JSON.parse(place)).sort((a, b) => {
    for (let n = 0; n < a.length; n++) if (a[n] !== b[n]) return order[n].indexOf(a[n]) - order[n].indexOf(b[n]);
    return 0;
  });
  const names = seriesOf(chart, of).filter(name => places.some(p => found.get(JSON.stringify(p)).get(name)));
  if (names.includes("free")) names.push(...names.splice(names.indexOf("free"), 1));
  return {places, names, at: (place, name) => found.get(JSON.stringify(place)).get(name) ?? 0};
}

// -- figures ------------------------------------------------------------------------------------------
function drawn(chart, look) {
  const makers = {bars, points, areas: points, parallel, heat};
  const figure = makers[chart.kind](chart, look);
  const axis = {gridcolor: look.grid, zerolinecolor: look.grid, linecolor: look.grid, automargin: true};
  const layout = figure.layout;
  for (const name of ["xaxis", "yaxis"]) layout[name] = {...axis, ...layout[name]};
  return {traces: figure.traces, layout: {
    ...(printing ? {width: PAPER} : {autosize: true}), paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, hovermode: "closest",
    font: {color: look.ink, size: look.narrow ? 10 : 12, family: "system-ui, sans-serif"}, margin: {l: 8, r: 24, t: 16, b: 40, pad: 4},
    hoverlabel: {align: "left"}, ...layout}};
}
const ticks = unit => prefixed(unit) ? {tickformat: "~s", ticksuffix: unit === "#" ? "" : unit} : {};
function round(low, high, unit) {   // ticks of a logarithmic axis: 1, 2, 5, or decades alone where there are many
  const found = [], decades = Math.log10(high / low), step = Math.ceil(decades / 8);
  if (decades < .6) {
    const rough = (high - low) / 4 || low / 4, size = 10 ** Math.floor(Math.log10(rough)), nice = size * [1, 2, 5, 10].find(n => n * size >= rough);
    for (let n = Math.floor(low * .9 / nice); n <= Math.ceil(high * 1.1 / nice); n++) if (n > 0) found.push(n * nice);
  } else for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e += step) for (const m of decades > 2 ? [1] : [1, 2, 5]) found.push(m * 10 ** e);
  const bare = v => v >= 1e-3 && v < 1e5 ? String(+v.toPrecision(6)) : `10<sup>${Math.round(Math.log10(v))}</sup>`;
  return {tickvals: found, ticktext: found.map(v => prefixed(unit) ? text(v, unit).replace(/\.0+(?= |$)/, "") : bare(v))};
}
function scale(chart, key, of) {
  const unit = chart.heads[key].unit, values = of.map(n => chart.table[key][n]).filter(v => typeof v === "number" && v > 0);
  const given = {title: {text: titled(chart, key), standoff: 8}};
  Object.assign(given, ticks(unit));
  if (!chart.logarithmic.includes(key)) {
    const rangemode = chart.joined ? "tozero" : "normal", long = unit === "s" && duration(Math.max(...values, 0));
    return long ? {axis: {title: {text: `${titled(chart, key)} [${long[1]}]`, standoff: 8}, rangemode}, put: v => v / long[0]} : {axis: {...given, rangemode}, put: v => v};
  }
  // Zero has a place of its own, below the smallest.
  const least = values.length ? Math.min(...values) : 1, zero = least / 10, marks = round(inUnit(least, unit), inUnit(Math.max(least, ...values), unit), unit);
  if (of.some(n => chart.table[key][n] === 0)) { marks.tickvals = [inUnit(zero, unit), ...marks.tickvals.filter(v => v > 2 * inUnit(zero, unit))]; marks.ticktext = ["0", ...marks.ticktext.slice(1 - marks.tickvals.length)]; }
  return {axis: {title: given.title, type: "log", tickmode: "array", ...marks}, put: v => v === 0 ? zero : v};
}
function shortener(chart, look) {    // at little room the ends of names, where those tell them apart
  const names = chart.x.flatMap(key => distinct(chart.table[key])), end = name => String(name).length > 16 ? "…" + String(name).slice(-15) : String(name);
  return name => safe(look.narrow && names.filter(other => end(other) === end(name)).length < 2 ? end(name) : name);
}
function bars(chart, look) {
  const {places, names, at} = summed(chart), unit = chart.heads[chart.measure].unit;
  const short = shortener(chart, look);
  const y = chart.x.length > 1 ? [0, 1].map(n => places.map(p => short(p[n]))) : places.map(p => short(p[0]));
  const sums = places.map(p => names.reduce((sum, name) => sum + (chart.hidden.has(name) ? 0 : at(p, name)), 0));
  const traces = names.filter(name => !chart.hidden.has(name)).map(name => {
    const look_ = colour(chart, name), values = places.map((p, n) => chart.whole ? 100 * at(p, name) / sums[n] : inUnit(at(p, name), unit));
    return {type: "bar", orientation: "h", name: safe(name), x: values, y, customdata: places.map(p => [...p, name]),
      marker: {color: look_.of, pattern: {shape: look_.shape, fillmode: "overlay", fgcolor: look.back, solidity: .3}},
      hovertext: places.map(p => `${p.map(safe).join(", ")}<br>${safe(name)}: ${text(at(p, name), unit)}`), hoverinfo: "text"};
  });
  // What a bar comes to stands at its end.
  if (places.length <= 150 && sums.length) traces.push({type: "bar", orientation: "h", y, x: sums.map(() => (chart.whole ? 100 : Math.max(...sums.map(s => inUnit(s, unit)))) * 1e-9),
    text: sums.map(sum => text(sum, unit)), textposition: "outside", cliponaxis: false, hoverinfo: "skip", marker: {color: "rgba(0,0,0,0)"}, totals: true});
  const groups = chart.x.length > 1 ? distinct(places.map(p => p[0])).length : 0;
  return {traces, layout: {barmode: "stack", bargap: .15, height: 90 + (places.length > SLIM ? 12 : 17) * places.length + 10 * groups, margin: {l: 8, r: 60, t: 8, b: 40, pad: 4},
    xaxis: {title: {text: chart.whole ? `share of each bar's ${titled(chart, chart.measure)} [%]` : titled(chart, chart.measure), standoff: 8}, rangemode: "tozero", ...(chart.whole ? {} : ticks(unit))},
    yaxis: {type: chart.x.length > 1 ? "multicategory" : "category", autorange: "reversed", tickfont: {size: look.narrow || places.length > SLIM ? 9 : 11}}}};
}
const BESIDE = {"middle right": [0, 0], "top right": [0, 1], "bottom right": [0, -1], "middle left": [1, 0], "top left": [1, 1], "bottom left": [1, -1], "top center": [.5, 1], "bottom center": [.5, -1]};
const sloped = ([, start, end]) => start[1] !== end[1];
function labelled(chart, of, sx, sy, look) {    // the first place beside each mark that no other label, mark or line takes
  const along = (s, key, axis, size) => {
    const at = v => s.axis.type === "log" ? Math.log10(s.put(v)) : v, l = of.map(row => at(chart.table[key][row])), ends = chart.guides.map(g => [at(g[1][axis]), at(g[2][axis])]);
    const low = Math.min(...l, ...ends.flat()), room = Math.max(...l, ...ends.flat()) - low || 1, put = v => (v - low) / room * size;
    return [l.map(put), ends.map(pair => pair.map(put))];
  };
  const wide = look.narrow ? 250 : Math.min(1000, innerWidth - 150), [xs, guidesX] = along(sx, chart.x[0], 0, wide), [ys, guidesY] = along(sy, chart.measure, 1, 310);
  const taken = xs.map((x, n) => [x - 5, ys[n] - 5, x + 5, ys[n] + 5]), own = [...taken];
  chart.guides.forEach((guide, g) => {
    const [[x0, x1], [y0, y1]] = [guidesX[g], guidesY[g]], width = 7 * guide[0].length;
    for (let n = 0; n <= 100; n++) { const x = x0 + (x1 - x0) * n / 100, y = y0 + (y1 - y0) * n / 100; taken.push([x - 1, y - 1, x + 1, y + 1]); }
    taken.push(sloped(guide) ? [x0, y0 - 8, x0 + width + 8, y0 + 8] : [x1 - width, y1, x1, y1 + 16]);
  });
  return new Map(of.map((row, n) => {
    const width = 6 * String(chart.table[chart.label][row]).length;
    for (const [place, [left, up]] of Object.entries(BESIDE)) {
      const x = xs[n] + 7 - left * (14 + width), y = ys[n] + 11 * up - 6, box = [x, y, x + width, y + 12];
      if (box[2] < wide + 30 && taken.every(t => t === own[n] || box[0] > t[2] || box[2] < t[0] || box[1] > t[3] || box[3] < t[1])) { taken.push(box); return [row, place]; }
    }
    return [row, ""];
  }));
}
function points(chart, look) {
  const of = rows(chart), [kx, ky] = [chart.x[0], chart.measure], stacked = chart.kind === "areas";
  const sx = scale(chart, kx, of), sy = scale(chart, ky, of);
  const ux = chart.heads[kx].unit, uy = chart.heads[ky].unit;
  const places = chart.label && of.length <= 200 ? labelled(chart, of, sx, sy, look) : null;
  const traces = seriesOf(chart, of).filter(name => !chart.hidden.has(name)).map(name => {
    const mine = chart.series ? of.filter(n => chart.table[chart.series][n] === name) : of, own = colour(chart, name);
    const put = (key, s, unit) => mine.map(n => { const v = chart.table[key][n]; return typeof v === "number" ? inUnit(s.put(v), unit) : v === null ? null : safe(v); });
    const given = {type: "scatter", name: safe(name), x: put(kx, sx, ux), y: put(ky, sy, uy), customdata: mine,
      hovertext: mine.map(n => Object.values(chart.heads).map(h => `${safe(flat(h.title))}: ${safe(text(chart.table[h.key][n], h.unit))}`).join("<br>")), hoverinfo: "text"};
    if (stacked) return {...given, mode: "lines", stackgroup: "all", line: {color: own.of, width: 0, shape: "hv"}, fillcolor: own.of};
    const along = typeof chart.table[ky][0] === "string" ? kx : ky, mean = n => inUnit(chart.table[along][n], chart.heads[along].unit);
    const end = (key, n) => chart.table[key][n] === null ? mean(n) : inUnit(chart.table[key][n], chart.heads[along].unit);
    // From one value to both sides: bars.
    const tornado = along === kx && mine.length > 1 && distinct(mine.map(mean)).length === 1;
    const error = chart.low && mine.some(n => chart.table[chart.low][n] !== null) ? {["error_" + (along === kx ? "x" : "y")]: {type: "data", symmetric: false, ...(tornado ? {thickness: 12, width: 0} : {thickness: 1.5}), color: own.of,
      array: mine.map(n => end(chart.high, n) - mean(n)), arrayminus: mine.map(n => mean(n) - end(chart.low, n))}} : {};
    return {...given, ...error, mode: (chart.joined ? "lines" : "markers") + (chart.joined && mine.length <= 40 ? "+markers" : "") + (places ? "+text" : ""),
      line: {color: own.of, width: 1.5, dash: DASHES[SHAPES.indexOf(own.shape)]}, marker: {color: own.of, size: 9, symbol: own.symbol, opacity: brushed.has(chart.token) ? 1 : .9},
      ...(places ? {text: mine.map(n => places.get(n) ? safe(chart.table[chart.label][n]) : ""), textposition: mine.map(n => places.get(n) || "middle right"), textfont: {size: 10, color: look.ink}, cliponaxis: false} : {})};
  });
  for (const [name, start, end] of chart.guides) traces.push({type: "scatter", mode: "lines+text", x: [start[0], end[0]], y: [start[1], end[1]], text: sloped([name, start, end]) ? [safe(name), ""] : ["", safe(name)],
    textposition: sloped([name, start, end]) ? "middle right" : "top left", line: {color: look.ink, width: 1, dash: "dash"}, hoverinfo: "skip", guide: true});
  const many = typeof chart.table[ky]?.[0] === "string" ? distinct(chart.table[ky]).length : 0;
  const yaxis = many ? {title: {text: ""}, type: "category", autorange: "reversed"} : sy.axis;
  return {traces, layout: {height: many ? 110 + 26 * many : 420, xaxis: sx.axis, yaxis, ...(brushed.get(chart.token)?.by === chart ? {} : {selections: []}), dragmode: chart.label || !chart.joined ? "select" : "zoom",
    ...(many && ux === "x" ? {shapes: [{type: "line", x0: 1, x1: 1, yref: "paper", y0: 0, y1: 1, line: {color: look.ink, width: 1, dash: "dot"}}]} : {})}};
}
function heat(chart, look) {         // a row for each of the series, the busiest on top, as dark as its value
  const of = rows(chart), [kx, ky] = [chart.x[0], chart.measure], unit = chart.heads[ky].unit, sx = scale(chart, kx, of), x = chart.table[kx], z = chart.table[ky];
  const lines = seriesOf(chart, of).map(name => {
    const customdata = of.filter(n => chart.table[chart.series][n] === name);
    return {name, customdata, mean: customdata.reduce((sum, n) => sum + z[n], 0) / customdata.length,
      hovertext: customdata.map(n => `${safe(name)}, ${text(x[n], chart.heads[kx].unit)}<br>${titled(chart, ky)}: ${text(z[n], unit)}`)};
  }).sort((a, b) => b.mean - a.mean);
  const starts = lines.length ? lines[0].customdata.map(n => x[n]) : [], edges = [...starts, 2 * starts.at(-1) - (starts.at(-2) ?? 0)];
  const traces = [{type: "heatmap", lines, x: edges.map(sx.put), y: lines.map(line => `${safe(line.name)}  ${+inUnit(line.mean, unit).toPrecision(2)} ${unit}`), z: lines.map(line => line.customdata.map(n => inUnit(z[n], unit))),
    coloraxis: "coloraxis", hovertext: lines.map(line => line.hovertext), hoverinfo: "text"}];
  const most = Math.max(...of.map(n => inUnit(z[n], unit)), 0) || 1;
  return {traces, layout: {height: 110 + 22 * lines.length, xaxis: {...sx.axis, showgrid: false}, yaxis: {type: "category", autorange: "reversed", showgrid: false, tickfont: {size: look.narrow ? 9 : 11}},
    coloraxis: {cmin: 0, cmax: most > 50 ? 100 : most, colorscale: [[0, look.back], [1, look.strong]], colorbar: {title: {text: titled(chart, ky), side: "right"}, thickness: 12, ...(look.narrow ? {orientation: "h", y: 1, yanchor: "bottom"} : {})}}}};
}
function parallel(chart, look) {
  const of = rows(chart).filter(n => chart.x.every(key => chart.table[key][n] !== null));
  const dimensions = chart.x.map(key => {
    const column = chart.heads[key], values = of.map(n => chart.table[key][n]);
    if (values.every(v => typeof v === "number" || v === null)) return {label: titled(chart, key) + (prefixed(column.unit) ? ` [${column.unit}]` : ""), values: values.map(v => v === null ? NaN : inUnit(v, column.unit)), ...(prefixed(column.unit) ? {tickformat: "~s"} : {})};
    const texts = distinct(values);
    return {label: titled(chart, key), values: values.map(v => texts.indexOf(v)), tickvals: texts.map((_, n) => n), ticktext: texts.map(t => safe(text(t, ""))), range: [-.1, texts.length - .9]};
  });
  const by = chart.measure && chart.table[chart.measure];
  chart.ranges = {};
  return {traces: [{type: "parcoords", dimensions, customdata: of, labelangle: -20, line: by ? {color: of.map(n => inUnit(by[n] ?? 0, chart.heads[chart.measure].unit)), colorscale: "Cividis", showscale: true, colorbar: {title: {text: titled(chart, chart.measure)}, ...ticks(chart.heads[chart.measure].unit)}} : {color: OKABE_ITO[0]}}],
    layout: {height: 420, margin: {l: 60, r: 40, t: 90, b: 30}}};
}

// -- the page -----------------------------------------------------------------------------------------
function look() {
  const style = getComputedStyle(document.documentElement);
  return printing ? {ink: "#1a1a1a", back: "#fff", strong: "#0072b2", grid: "#8884", narrow: false}
    : {ink: style.getPropertyValue("--ink").trim(), strong: style.getPropertyValue("--strong").trim(), back: style.getPropertyValue("--back").trim(), grid: "#8884", narrow: innerWidth < 560};
}
async function draw(chart) {
  const plot = chart.figure.querySelector(".plot"), {traces, layout} = drawn(chart, look());
  await Plotly.react(plot, traces, layout, {responsive: true, displaylogo: false, displayModeBar: false});
  if (!plot.dataset.ready) listen(chart, plot);
  plot.dataset.ready = traces.length;
  plot.setAttribute("aria-label", `${chart.title}: ${chart.kind} of ${rows(chart).length} rows; arrow keys walk its marks, Enter filters, Escape clears; its table is below`);
  legend(chart);
  if (chart.figure.querySelector(".data").open) tabulate(chart);
}
const redraw = () => charts.reduce((before, chart) => before.then(() => draw(chart)), Promise.resolve());
function filter(key, values) { if (values) kept.set(key, values); else kept.delete(key); bar(); return redraw(); }
function toggle(chart, place) {
  const key = chart.x[0], own = kept.get(key);
  return filter(key, own && own.size === 1 && own.has(place) ? null : new Set([place]));
}
function listen(chart, plot) {
  plot.on("plotly_click", event => { const point = event.points[0]; if (chart.kind === "bars" && point?.customdata) toggle(chart, point.customdata[0]); });
  // A chart that is drawn again tells of a selection of nothing.
  plot.on("plotly_selected", event => { if (event?.points?.length) brush(chart, new Set(event.points.map(p => p.customdata))); });
  plot.on("plotly_deselect", () => { if (brushed.get(chart.token)?.by === chart) brush(chart, null); });
  // What was chosen along the axes comes with the event; the data of a chart drawn again lack it.
  if (chart.kind === "parallel") plot.on("plotly_restyle", ([changed]) => {
    for (const [key, value] of Object.entries(changed)) {
      const axis = /^dimensions\[(\d+)\]\.constraintrange$/.exec(key);
      if (axis) chart.ranges[axis[1]] = value?.length ? (Array.isArray(value[0][0]) ? value[0] : Array.isArray(value[0]) ? value : [value]) : null;
    }
    const {dimensions, customdata} = plot.data[0], ranges = Object.entries(chart.ranges).filter(([, range]) => range);
    if (!ranges.length) return brush(chart, null);
    brush(chart, new Set(customdata.filter((_, n) => ranges.every(([axis, range]) => range.some(([low, high]) => dimensions[axis].values[n] >= low && dimensions[axis].values[n] <= high)))));
  });
  let at = [0, -1];
  plot.onkeydown = event => {
    const step = {ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0]}[event.key];
    const cells = plot.data[0]?.lines, shown = cells ?? plot.data.filter(trace => !trace.totals && !trace.guide);
    if (event.key === "Escape") { kept.clear(); brushed.clear(); bar(); redraw(); }
    else if (event.key === "Enter" && chart.kind === "bars" && at[1] >= 0) toggle(chart, shown[at[0]].customdata[at[1]][0]);
    else if (!step || !shown.length) return;
    event.preventDefault();
    if (!step) return;
    at[0] = (at[0] + step[0] + shown.length) % shown.length;
    const trace = shown[at[0]], count = trace.customdata.length;
    at[1] = (Math.min(at[1], count - 1) + step[1] + count) % count;
    if (chart.kind !== "parallel") Plotly.Fx.hover(plot, [cells ? {curveNumber: 0, pointNumber: at} : {curveNumber: plot.data.indexOf(trace), pointNumber: at[1]}]);
    const spoken = trace.hovertext ? trace.hovertext[at[1]].replace(/<br>/g, "; ") : chart.x.map(key => `${chart.heads[key].title}: ${text(chart.table[key][trace.customdata[at[1]]], chart.heads[key].unit)}`).join("; ");
    const live = chart.figure.querySelector(".live"), plain = document.createElement("textarea");
    plain.innerHTML = spoken;
    live.textContent = plain.value;
  };
}
function brush(chart, picked) {
  if (picked) brushed.set(chart.token, Object.assign(picked, {by: chart})); else brushed.delete(chart.token);
  bar();
  // The chart that is brushed keeps its marks.
  return charts.filter(other => other !== chart && other.token === chart.token).reduce((before, other) => before.then(() => draw(other)), Promise.resolve());
}
const make = (tag, given, ...inner) => { const made = Object.assign(document.createElement(tag), given); made.append(...inner); return made; };
function legend(chart) {
  chart.figure.querySelector(".legend")?.remove();
  if (["parallel", "heat"].includes(chart.kind) || !chart.series) return;
  const names = chart.kind === "bars" ? summed(chart).names : seriesOf(chart, rows(chart));
  const list = make("ul", {className: "legend"});
  for (const name of names) {
    const swatch = make("i", {}), own = colour(chart, name);
    swatch.style.background = own.shape ? `repeating-linear-gradient(45deg, ${own.of} 0 3px, transparent 3px 5px)` : own.of;
    const button = make("button", {type: "button", onclick: () => { chart.hidden.has(name) ? chart.hidden.delete(name) : chart.hidden.add(name); draw(chart); }}, swatch, text(name, ""));
    button.setAttribute("aria-pressed", !chart.hidden.has(name));
    list.append(make("li", {}, button));
  }
  chart.figure.querySelector(".controls").after(list);
}
function controls(chart) {
  const box = chart.figure.querySelector(".controls");
  if (chart.y.length > 1) for (const key of chart.y) {
    const button = make("button", {type: "button", onclick: () => { chart.measure = key; for (const each of box.querySelectorAll("button")) each.setAttribute("aria-pressed", each === button); draw(chart); }}, flat(chart.heads[key].title));
    button.setAttribute("aria-pressed", key === chart.measure);
    box.append(button);
  }
  if (chart.kind === "bars" && chart.series) {
    const whole = make("input", {type: "checkbox", onchange: () => { chart.whole = whole.checked; draw(chart); }});
    box.append(make("label", {}, whole, "each bar as 100 %"));
  }
  if (!chart.choice) return;
  const values = distinct(chart.table[chart.choice]);
  chart.chosen = values[0];
  const select = make("select", {onchange: () => { chart.chosen = select.value; draw(chart); }}, ...values.map(value => make("option", {value}, value)));
  box.append(make("label", {}, flat(chart.heads[chart.choice].title), select));
}
function bar() {                    // what is filtered, and which designs are shown
  const box = document.getElementById("filters"), designs = [...KNOWN];
  box.replaceChildren();
  if (designs.length > 1) {
    box.append(kept.has("design") ? `Designs, ${kept.get("design").size} of ${designs.length}:` : "Designs:");
    for (const name of designs) {
      const own = kept.get("design") ?? new Set(designs);
      box.append(make("label", {}, make("input", {type: "checkbox", checked: own.has(name), onchange: event => {
        const next = new Set(own); event.target.checked ? next.add(name) : next.delete(name);
        filter("design", next.size === designs.length ? null : next);
      }}), name));
    }
  }
  for (const [key, values] of kept) if (key !== "design") box.append(make("button", {type: "button", onclick: () => filter(key, null)}, `${key}: ${[...values].join(", ")} ✕`));
  if (brushed.size) box.append(make("button", {type: "button", onclick: () => { brushed.clear(); bar(); redraw(); }}, `${[...brushed.values()].map(b => b.size).join(", ")} rows chosen ✕`));
  box.hidden = !box.childNodes.length;
  tables();
}
function tables() {                 // tables show the designs that charts show
  const own = kept.get("design"), out = name => Boolean(own && KNOWN.has(name) && !own.has(name));
  for (const {table, heads} of plain) for (const row of table.rows) {
    row.hidden = row.parentNode.tagName === "TBODY" && out(row.cells[0]?.textContent);
    [...row.cells].forEach((cell, n) => { cell.hidden = out(heads[n]); });
  }
  for (const {heading, name} of headings) {
    const hidden = out(name);
    heading.hidden = hidden;
    for (let each = heading.nextElementSibling; each && !each.matches("h2, figure, .end"); each = each.nextElementSibling) each.hidden = hidden;
  }
}
function tabulate(chart) {
  const box = chart.figure.querySelector(".data .wide"), body = make("tbody", {}), head = make("tr", {});
  const row = cells => make("tr", {}, ...cells.map(([value, unit]) => make("td", {className: unit === undefined ? "" : "n"}, unit === undefined ? value : text(value, unit))));
  if (chart.kind === "bars") {
    const {places, names, at} = summed(chart), unit = chart.heads[chart.measure].unit;
    for (const name of [...chart.x.map(key => flat(chart.heads[key].title)), ...names, "all"]) head.append(make("th", {}, name || flat(chart.heads[chart.measure].title)));
    for (const place of places) body.append(row([...place.map(p => [String(p)]), ...names.map(name => [at(place, name), unit]), [names.reduce((sum, name) => sum + at(place, name), 0), unit]]));
  } else {
    const heads = Object.values(chart.heads), of = rows(chart);
    for (const h of heads) head.append(make("th", {}, flat(h.title)));
    for (const n of of.slice(0, 2000)) body.append(row(heads.map(h => h.unit ? [chart.table[h.key][n], h.unit] : [text(chart.table[h.key][n], "")])));
    if (of.length > 2000) body.append(make("tr", {}, make("td", {}, `and ${of.length - 2000} more rows`)));
  }
  box.replaceChildren(make("table", {}, make("thead", {}, head), body));
}

const figures = document.querySelectorAll("figure.chart");
charts.forEach((chart, n) => { chart.figure = figures[n]; });
const KNOWN = new Set(charts.filter(c => c.kind === "bars" && c.table.design).flatMap(c => c.table.design));
const plain = [...document.querySelectorAll("table")].map(table => ({table, heads: [...table.tHead.rows[0].cells].map(cell => cell.textContent.split("\n")[0])}));
const headings = [...document.querySelectorAll("h2")].map(heading => ({heading, name: heading.firstChild.textContent.trim().replace(/, details$/, "")}));
const named = [...KNOWN];
if (named.length > ALL_DESIGNS) kept.set("design", new Set(named.slice(0, ALL_DESIGNS)));
for (const chart of charts) { controls(chart); chart.figure.querySelector(".data").ontoggle = () => tabulate(chart); }
if (!charts.length) { document.body.dataset.ready = "0"; return; }
document.head.append(make("script", {textContent: await content("plotly")}));
bar();
await redraw();
document.body.dataset.ready = charts.length;
window.accelsim = {charts, summed, rows, filter, brush, kept, brushed};
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
// Paper cannot be opened; charts' own tables would be dozens of sheets.
const folded = [...document.querySelectorAll("details:not(.data):not([open])")];
const print = on => { for (const each of folded) each.open = on; printing = on; redraw(); };
addEventListener("beforeprint", () => print(true));
addEventListener("afterprint", () => print(false));
})();
