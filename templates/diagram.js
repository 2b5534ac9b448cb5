(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const tell = document.getElementById("tell"), field = document.getElementById("name"), group = document.getElementById("group");
  const all = data.nodes.map((_, i) => i), name = i => data.nodes[i].name;
  const SVG = "http://www.w3.org/2000/svg";
  let picked = null, other = null, current = null;

  // what is known of nodes and pairs
  const between = (a, b) => data.paths.length ? data.via[data.paths[a][b]] : undefined;
  const may = (a, b) => data.may ? data.may.cells[data.may.of[a] + " " + data.may.of[b]] : undefined;
  const speak = (a, b) => !data.may || may(a, b) !== undefined || may(b, a) !== undefined;
  const rules = (a, b) => data.may ? [[a, b], [b, a]].map(([one, two]) => `${name(one)} may begin with ${name(two)}: ${may(one, two) || "nothing"}`) : [];
  const links = all.map(() => new Set());
  data.links.forEach(([a, b]) => { links[a].add(b); links[b].add(a); });
  const waits = (a, b) => (data.standby[a] || []).includes(b) || (data.standby[b] || []).includes(a);

  // the panel: texts, and buttons that choose nodes
  const element = (tag, text, more = {}) => Object.assign(document.createElement(tag), {textContent: text}, more);
  const say = (title, ...lines) => {
    const top = element("p", "");
    top.append(element("strong", title));
    tell.replaceChildren(top, ...lines.filter(Boolean).map(one => typeof one === "string" ? element("p", one) : one));
  };
  const button = (text, action) => element("button", text, {type: "button", onclick: action});
  const list = nodes => {
    const box = element("p", "");
    box.append(...nodes.map(i => button(name(i), () => choose([i]))));
    return box;
  };

  // a view: one drawing, and which of its boxes stands for a node
  const makeView = frame => {
    const svg = frame.querySelector("svg.mesh"), inner = svg.querySelector(".view"), kind = frame.dataset.view;
    const boxes = [...svg.querySelectorAll(".node")], lines = [...svg.querySelectorAll(".edges path")];
    const at = boxes.map(n => n.transform.baseVal.getItem(0).matrix).map(m => [m.e, m.f]);
    const of = data.folds[kind] || all, members = boxes.map(() => []);
    of.forEach((box, i) => members[box].push(i));
    const shown = svg.querySelector(".shown"), view = svg.viewBox.baseVal;
    let scale = 1, x = 0, y = 0;
    const move = () => inner.setAttribute("transform", `translate(${x} ${y}) scale(${scale})`);
    const zoom = (factor, px = view.width / 2, py = view.height / 2) => {
      const next = Math.min(16, Math.max(0.2, scale * factor));
      x = px - (px - x) * next / scale; y = py - (py - y) * next / scale; scale = next; move();
    };
    const clear = () => {
      svg.classList.remove("busy"); shown.replaceChildren();
      boxes.concat(lines).forEach(one => one.classList.remove("on"));
    };
    const light = nodes => { svg.classList.add("busy"); nodes.forEach(i => boxes[of[i]].classList.add("on")); };
    const add = (d, kind) => {
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("class", kind); path.setAttribute("d", d); shown.append(path);
    };
    const straight = (a, b) => "M" + at[a].join(" ") + "L" + at[b].join(" ");
    // along the line that is drawn between two boxes, where there is one: it goes around what is in between
    const leg = (a, b) => {
      const drawn = lines.find(e => e.dataset.a == Math.min(a, b) && e.dataset.b == Math.max(a, b) && !e.classList.contains("bounced"));
      return drawn ? drawn.getAttribute("d") : straight(a, b);
    };
    const around = nodes => {
      light(nodes);
      const mine = new Set(nodes.map(i => of[i]));
      lines.forEach(e => {
        if (e.dataset.a === undefined || !mine.has(+e.dataset.a) && !mine.has(+e.dataset.b)) return;
        [e, boxes[e.dataset.a], boxes[e.dataset.b]].forEach(one => one.classList.add("on"));
      });
      if (kind === "nodes" && data.many) nodes.forEach(i => links[i].forEach(k => {
        boxes[k].classList.add("on"); add(straight(i, k), waits(i, k) ? "waits" : "link");
      }));
    };
    const within = nodes => {
      light(nodes);
      lines.forEach(e => { if (e.dataset.a !== undefined && boxes[e.dataset.a].classList.contains("on") && boxes[e.dataset.b].classList.contains("on")) e.classList.add("on"); });
    };
    const way = hops => {
      const stops = hops.map(i => of[i]).filter((box, k, row) => box !== row[k - 1]);
      light(hops);
      if (stops.length > 1) add(stops.slice(1).map((b, k) => leg(stops[k], b)).join(""), "way");
    };
    const mark = chosen => boxes.forEach((box, k) => {
      const is = members[k].some(i => chosen.has(i));
      box.classList.toggle("picked", is); box.setAttribute("aria-pressed", is);
    });
    const look = nodes => {
      const xs = nodes.map(i => at[of[i]][0]), ys = nodes.map(i => at[of[i]][1]);
      const [wide, high] = [Math.max(...xs) - Math.min(...xs) + 260, Math.max(...ys) - Math.min(...ys) + 160];
      const fitting = Math.min(view.width / wide, view.height / high);
      scale = nodes.length > 1 ? fitting : Math.max(scale, Math.min(fitting, Math.max(1, view.width / 700)));
      x = view.width / 2 - (Math.max(...xs) + Math.min(...xs)) / 2 * scale;
      y = view.height / 2 - (Math.max(...ys) + Math.min(...ys)) / 2 * scale;
      move();
    };

    // one finger or the mouse drags, two fingers and the wheel zoom
    const point = event => {
      const p = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      return [p.x, p.y];
    };
    const fingers = new Map();
    let dragged = 0;
    svg.addEventListener("wheel", e => { e.preventDefault(); zoom(Math.exp(-e.deltaY / 500), ...point(e)); }, {passive: false});
    svg.addEventListener("pointerdown", e => { if (!fingers.size) dragged = 0; fingers.set(e.pointerId, point(e)); svg.classList.add("drag"); });
    const lift = e => { fingers.delete(e.pointerId); if (!fingers.size) svg.classList.remove("drag"); };
    addEventListener("pointerup", lift); addEventListener("pointercancel", lift);
    addEventListener("pointermove", e => {
      const was = fingers.get(e.pointerId);
      if (!was) return;
      const now = point(e), rest = [...fingers].find(([id]) => id !== e.pointerId);
      dragged += Math.hypot(e.movementX, e.movementY);
      fingers.set(e.pointerId, now);
      if (rest) {
        const apart = p => Math.hypot(p[0] - rest[1][0], p[1] - rest[1][1]) || 1;
        return zoom(apart(now) / apart(was), ...rest[1]);
      }
      x += now[0] - was[0]; y += now[1] - was[1]; move();
    });

    // one stop for the Tab key; arrows go to the nearest box in their direction
    let stop = 0;
    const tabstop = k => { if (!boxes.length) return; boxes[stop].setAttribute("tabindex", "-1"); stop = k; boxes[stop].setAttribute("tabindex", "0"); };
    const next = (dx, dy) => {
      let best = null, least = Infinity;
      at.forEach(([px, py], k) => {
        const along = (px - at[stop][0]) * dx + (py - at[stop][1]) * dy, aside = Math.abs((px - at[stop][0]) * dy) + Math.abs((py - at[stop][1]) * dx);
        if (along > 1 && along + 2 * aside < least) [best, least] = [k, along + 2 * aside];
      });
      if (best !== null) { tabstop(best); boxes[best].focus(); }
    };
    tabstop(0);
    boxes.forEach((box, k) => {
      const point = () => glance(members[k]);
      box.addEventListener("pointerenter", e => { if (e.pointerType !== "touch" && !fingers.size) point(); });
      box.addEventListener("pointerleave", rest);
      box.addEventListener("focus", () => { tabstop(k); point(); });
      box.addEventListener("click", () => { if (dragged < 6) pick(members[k]); dragged = 0; });
      box.addEventListener("keydown", e => {
        const arrow = {ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0]}[e.key];
        if (arrow) next(...arrow);
        else if (e.key === "Enter" || e.key === " ") pick(members[k]);
        else return;
        e.preventDefault();
      });
    });
    lines.forEach(e => {
      const told = e.querySelector("title").textContent;
      e.addEventListener("pointerenter", () => e.dataset.a === undefined ? say(told) : pair(members[e.dataset.a], members[e.dataset.b]));
      e.addEventListener("pointerleave", () => rest());
    });
    // on a telephone a picture that fits cannot be read: it begins as large as its labels need
    const open = () => {
      const matrix = svg.getScreenCTM();
      if (matrix && matchMedia("(max-width: 720px)").matches && scale === 1) zoom(Math.max(1, Math.min(4, 0.7 / matrix.a)));
    };
    let opened = false;
    return {kind, title: nodes => boxes[of[nodes[0]]].querySelector(".name").textContent, notes: nodes => boxes[of[nodes[0]]].querySelectorAll(".address, .badge"),
      clear, light, around, within, way, mark, look, zoom, draw: () => { if (!opened) open(); opened = true; }, fit: () => { scale = 1; x = y = 0; move(); }};
  };

  // the matrix is a view as well; boxes it has none
  const makeTable = frame => {
    const table = makeMatrix(data, frame.querySelector("canvas"), {between, speak, linked: (a, b) => links[a].has(b), tell: (a, b) => pair([a], [b])});
    const nothing = () => {};
    new ResizeObserver(table.draw).observe(frame);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", table.draw);
    const keys = () => {
      const box = element("p", "", {className: "keys"});
      table.legend().forEach(([colour, sign, text]) => {
        const line = element("span", text), key = element("i", sign);
        key.style.background = `var(${colour})`; line.prepend(key); box.append(line, element("br", ""));
      });
      return box;
    };
    return {kind: "matrix", title: nodes => name(nodes[0]), notes: () => [], clear: nothing, light: nothing, around: nodes => table.point(nodes[0]), within: nothing,
      way: hops => table.point(hops[0], hops[hops.length - 1]), mark: nothing, look: nodes => table.point(nodes[0]), draw: table.draw, zoom: f => table.zoom(f), fit: table.fit, keys};
  };
  const views = {};
  document.querySelectorAll("main .canvas").forEach(frame => { views[frame.dataset.view] = {frame}; });
  const tabs = [...document.querySelectorAll(".tabs button")];
  const show = kind => {
    current = views[kind].made || (views[kind].made = kind === "matrix" ? makeTable(views[kind].frame) : makeView(views[kind].frame));
    Object.keys(views).forEach(one => { views[one].frame.hidden = one !== kind; });
    tabs.forEach(tab => tab.setAttribute("aria-pressed", tab.dataset.view === kind));
    current.draw(); mark();
  };

  // what is told and lit up
  const rest = () => {
    current.clear();
    if (other) return pair(picked, other);
    if (picked) return about(picked);
    if (group && group.value) return members(group.value);
    if (current.keys) return say("Point at a cell, or use the arrow keys", current.keys(), "Drag or scroll to move, Ctrl and scroll to zoom.");
    say("Click a node, then another", "The path between the two lights up. Drag to move, scroll to zoom. Keys: Tab, arrows, Enter; Escape starts again.");
  };
  const glance = nodes => picked && picked.join() !== nodes.join() && !other ? pair(picked, nodes) : other ? null : about(nodes);
  const about = nodes => {
    current.clear(); current.around(nodes);
    const chosen = picked && picked.join() === nodes.join() ? "Now click another one." : "";
    if (nodes.length > 1) {
      const open = views.nodes && current.kind !== "nodes" ? button("Show these nodes", () => { picked = other = null; show("nodes"); current.look(nodes); current.within(nodes); }) : "";
      return say(current.title(nodes), [...current.notes(nodes)].map(one => one.textContent).join(", "), chosen, open, list(nodes));
    }
    const i = nodes[0], n = data.nodes[i];
    const peers = which => all.filter(k => k !== i && which(k)).map(name).join(", ") || "nobody";
    say(n.name, [n.kind, n.platform, n.site && "site " + n.site].filter(Boolean).join(", "), n.addresses.join(", "),
      n.groups.length ? "groups: " + n.groups.join(", ") : "", n.notes.join("; "), `${links[i].size} direct ${links[i].size === 1 ? "link" : "links"}`,
      data.may ? "may begin something with: " + peers(k => may(i, k)) : "", data.may ? "may be called by: " + peers(k => may(k, i)) : "", chosen);
  };
  const story = (a, b) => {
    const via = between(a, b);
    if (via === undefined) return links[a].has(b) ? "direct" : "not direct";
    if (via === null) return "no path";
    if (!speak(a, b)) return "kept apart by policies";
    return via.length ? "bounced: " + [a, ...via, b].map(name).join(" → ") : "direct";
  };
  const pair = (one, two) => {
    current.clear();
    if (one.length === 1 && two.length === 1) {
      const [a, b] = [one[0], two[0]], via = between(a, b), told = story(a, b);
      if (via && speak(a, b)) current.way([a, ...via, b]); else current.light([a, b]);
      return say(`${name(a)} → ${name(b)}`, a === b ? "itself" : told, ...(told === "no path" || speak(a, b) ? rules(a, b) : []));
    }
    // many pairs: how many go which way
    const ways = new Map();
    one.forEach(a => two.forEach(b => {
      if (a === b) return;
      const via = between(a, b), told = via && via.length && speak(a, b) ? "through " + via.map(name).join(", ") : story(a, b);
      const known = ways.get(told) || ways.set(told, {count: 0, hops: via && speak(a, b) ? [a, ...via, b] : null}).get(told);
      known.count++;
    }));
    current.light([...one, ...two]);
    ways.forEach(found => { if (found.hops) current.way(found.hops); });
    const total = one.length * two.length;
    say(`${current.title(one)} → ${current.title(two)}`, ...[...ways].sort((a, b) => b[1].count - a[1].count).map(([told, found]) => `${found.count} of ${total} pairs: ${told}`));
  };
  const members = wanted => {
    const inside = all.filter(i => data.nodes[i].groups.includes(wanted));
    current.clear(); current.within(inside);
    say("group " + wanted, list(inside));
  };
  const mark = () => { current.mark(new Set([...picked || [], ...other || []])); rest(); };
  const pick = nodes => {
    const same = row => row && row.join() === nodes.join();
    if (same(picked) || same(other) || picked && other) picked = other = null;
    else if (picked) other = nodes;
    else picked = nodes;
    mark();
  };
  const choose = nodes => { picked = nodes; other = null; current.look(nodes); mark(); };
  const search = text => {
    current.clear();
    const wanted = text.trim().toLowerCase();
    if (!wanted) { picked = other = null; return mark(); }
    const found = all.filter(i => [name(i), ...data.nodes[i].addresses, ...data.nodes[i].notes].some(t => t.toLowerCase().includes(wanted)));
    const exact = found.filter(i => name(i).toLowerCase() === wanted);
    if (found.length === 1 || exact.length === 1) return choose(found.length === 1 ? found : exact);
    picked = other = null; current.mark(new Set()); current.light(found);
    say(found.length ? found.length + " nodes" : "no node has that name, address or LAN", list(found));
  };

  tabs.forEach(tab => { tab.onclick = () => show(tab.dataset.view); });
  document.getElementById("in").onclick = () => current.zoom(1.3);
  document.getElementById("out").onclick = () => current.zoom(1 / 1.3);
  document.getElementById("fit").onclick = () => current.fit();
  document.querySelectorAll("#load button").forEach(one => { one.onclick = () => choose([+one.dataset.node]); });
  field.addEventListener("input", () => search(field.value));
  document.getElementById("find").addEventListener("submit", e => { e.preventDefault(); search(field.value); });
  if (group) group.addEventListener("change", () => { picked = other = null; mark(); });
  addEventListener("keydown", e => { if (e.key === "Escape") { picked = other = null; field.value = ""; mark(); } });
  const paper = on => { document.documentElement.classList.toggle("paper", on); current.draw(); };
  addEventListener("beforeprint", () => paper(true));
  addEventListener("afterprint", () => paper(false));
  show(tabs.find(tab => tab.getAttribute("aria-pressed") === "true").dataset.view);
})();
