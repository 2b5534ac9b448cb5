// Every pair of nodes as a cell: what is direct, and who carries the rest. Rows send, columns receive.
const makeMatrix = (data, canvas, hooks) => {
  const names = data.nodes.map(n => n.name);
  const order = names.map((_, i) => i).sort((a, b) => {
    const site = i => data.nodes[i].site || "~";
    return site(a).localeCompare(site(b)) || names[a].localeCompare(names[b]);
  });
  const place = [], n = order.length;
  order.forEach((i, k) => { place[i] = k; });
  const relays = order.filter(i => data.nodes[i].kind === "relay");
  let size = 0, x = 0, y = 0, cursor = null, moved = false;
  const style = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // the colour of a cell by its name, and its sign
  const cell = (a, b) => {
    const via = hooks.between(a, b);
    if (via === undefined) return hooks.linked(a, b) ? ["--line", "•"] : ["--bg", ""];
    if (via === null || !hooks.speak(a, b)) return ["--bg", "×"];
    if (!via.length) return ["--line", "•"];
    const relay = relays.indexOf(via[0]);
    return relay < 0 ? ["--bounce", "+"] : [`--v${relay % 6}`, String(relay + 1)];
  };
  const longest = Math.min(170, 16 + 7.2 * Math.max(...names.map(one => one.length)));
  const named = () => size >= 10;
  const head = () => named() ? longest : 84;
  const fitting = () => {
    const room = Math.min(canvas.clientWidth, canvas.clientHeight) - 12, large = (room - longest) / n;
    return large >= 10 ? Math.min(24, large) : Math.max(2, Math.min(9.9, (room - 84) / n));
  };
  const bounds = () => {
    const room = size * n + head() + 12;
    x = Math.min(0, Math.max(x, canvas.clientWidth - room));
    y = Math.min(0, Math.max(y, canvas.clientHeight - room));
  };
  // every name where there is room for it, else the site of each run of rows
  const labels = () => {
    if (named()) return order.map((i, k) => [(k + 0.5) * size, names[i]]);
    const found = [];
    order.forEach((i, k) => {
      const site = data.nodes[i].site;
      if (k && data.nodes[order[k - 1]].site === site) return;
      const at = k * size + 7;
      if (!found.length || at > found[found.length - 1][0] + 13) found.push([at, site || "no site"]);
    });
    return found;
  };
  const headings = (pen, wide, high) => {
    const h = head(), texts = labels();
    pen.fillStyle = style("--bg");
    pen.fillRect(0, 0, wide, h);
    pen.fillRect(0, 0, h, high);
    pen.fillStyle = style("--ink");
    pen.font = `${named() ? Math.min(13, size) : 12}px ui-sans-serif,system-ui,sans-serif`;
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    texts.forEach(([at, text]) => { if (y + at > 0 || !y) pen.fillText(text, h - 6, h + y + at, h - 8); });
    pen.textAlign = "left";
    texts.forEach(([at, text]) => {
      if (x + at <= 0 && x) return;
      pen.save(); pen.translate(h + x + at, h - 6); pen.rotate(-Math.PI / 2); pen.fillText(text, 0, 0, h - 8); pen.restore();
    });
    pen.fillStyle = style("--bg");
    pen.fillRect(0, 0, h, h);
    pen.fillStyle = style("--soft");
    pen.textAlign = "right";
    pen.fillText("from ↓ to →", h - 6, h - 10, h - 8);
  };
  const draw = () => {
    const ratio = devicePixelRatio || 1, wide = canvas.clientWidth, high = canvas.clientHeight;
    if (!wide || !high) return;
    if (!moved) size = fitting();
    bounds();
    canvas.width = wide * ratio; canvas.height = high * ratio;
    const pen = canvas.getContext("2d"), h = head(), gap = size >= 6 ? 1 : 0, colours = {};
    const colour = name => colours[name] || (colours[name] = style(name));
    pen.scale(ratio, ratio);
    pen.fillStyle = colour("--bg"); pen.fillRect(0, 0, wide, high);
    pen.textAlign = "center"; pen.textBaseline = "middle";
    pen.font = `700 ${Math.min(12, size - 4)}px ui-monospace,monospace`;
    const last = (start, room) => Math.min(n, Math.ceil((room - h - start) / size));
    for (let r = Math.floor(-y / size); r < last(y, high); r++) {
      for (let c = Math.floor(-x / size); c < last(x, wide); c++) {
        const [name, sign] = r === c ? ["--edge", ""] : cell(order[r], order[c]);
        const px = h + x + c * size, py = h + y + r * size;
        pen.fillStyle = colour(name); pen.fillRect(px, py, size - gap, size - gap);
        if (size < 13 || !sign) continue;
        pen.fillStyle = colour(name === "--bg" ? "--soft" : "--bg");
        pen.fillText(sign, px + (size - gap) / 2, py + size / 2);
      }
    }
    if (cursor) {
      const box = k => [h + x + cursor[1] * size, h + y + cursor[0] * size][k];
      pen.strokeStyle = colour("--hit"); pen.lineWidth = 2;
      pen.strokeRect(h, box(1) - 1, size * n + x, size + 1); pen.strokeRect(box(0) - 1, h, size + 1, size * n + y);
    }
    headings(pen, wide, high);
  };
  const at = event => {
    const box = canvas.getBoundingClientRect(), h = head();
    const r = Math.floor((event.clientY - box.top - h - y) / size), c = Math.floor((event.clientX - box.left - h - x) / size);
    const inside = event.clientY - box.top > h && event.clientX - box.left > h;
    return inside && r >= 0 && c >= 0 && r < n && c < n ? [r, c] : null;
  };
  const tell = () => { if (cursor) hooks.tell(order[cursor[0]], order[cursor[1]]); };
  const point = (a, b) => {
    cursor = [place[a], place[b === undefined ? a : b]];
    const hidden = (start, k, room) => start + k * size < 0 || start + (k + 1) * size > room - head();
    if (hidden(x, cursor[1], canvas.clientWidth)) x = (canvas.clientWidth - head()) / 2 - cursor[1] * size;
    if (hidden(y, cursor[0], canvas.clientHeight)) y = (canvas.clientHeight - head()) / 2 - cursor[0] * size;
    draw();
  };
  const zoom = (factor, px = 0, py = 0) => {
    const next = Math.max(2, Math.min(30, size * factor)), h = head();
    x = (px - h) - (px - h - x) * next / size; y = (py - h) - (py - h - y) * next / size;
    size = next; moved = true; draw();
  };
  canvas.addEventListener("wheel", event => {
    event.preventDefault();
    if (event.ctrlKey) return zoom(Math.exp(-event.deltaY / 200), event.offsetX, event.offsetY);
    x -= event.shiftKey ? event.deltaY : event.deltaX; y -= event.shiftKey ? 0 : event.deltaY; draw();
  }, {passive: false});
  canvas.addEventListener("pointermove", event => {
    if (event.buttons & 1) { x += event.movementX; y += event.movementY; return draw(); }
    const found = at(event);
    if (found) { cursor = found; draw(); tell(); }
  });
  canvas.addEventListener("click", event => { const found = at(event); if (found) { cursor = found; draw(); tell(); } });
  canvas.addEventListener("keydown", event => {
    const step = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[event.key];
    if (!step) return;
    event.preventDefault();
    cursor = cursor ? cursor.map((k, axis) => Math.max(0, Math.min(n - 1, k + step[axis]))) : [0, 0];
    point(order[cursor[0]], order[cursor[1]]); tell();
  });
  const legend = () => [["--line", "•", "direct"], ...relays.map((i, k) => [`--v${k % 6}`, String(k + 1), "through " + names[i]])];
  return {draw, zoom, point, legend, fit: () => { moved = false; x = y = 0; draw(); }};
};
