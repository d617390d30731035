// Everything is connected here, once.

function theme() {
  const choices = { system: "as the system has them", light: "light", dark: "dark" };
  const button = byId("theme");
  const set = (choice) => {
    if (choice === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = choice;
    button.dataset.choice = choice;
    button.textContent = `Colours: ${choice}`;
    button.setAttribute("aria-label", `Colours: ${choices[choice]}`);
  };
  set("system");
  button.addEventListener("click", () => {
    const names = Object.keys(choices);
    set(names[(names.indexOf(button.dataset.choice) + 1) % names.length]);
  });
}

function copying() {
  const button = byId("copy");
  if (!button) return;
  button.addEventListener("click", async () => {
    let done = true;
    try {
      await navigator.clipboard.writeText(byId("command").textContent);
    } catch {
      // a page from disk may not be trusted with the clipboard: select, so that it can be copied by hand
      const selected = window.getSelection();
      selected.selectAllChildren(byId("command"));
      done = document.execCommand("copy");
    }
    byId("copied").textContent = done ? "Copied." : "Selected; copy it with the keys of your system.";
    button.textContent = done ? "Copied" : "Selected";
  });
}

function options(select, names, values) {
  names.forEach((name, number) => select.append(new Option(name.length > 60 ? `${name.slice(0, 57)}…` : name, values[number])));
}

function onInput(id, change) {
  byId(id).addEventListener("input", () => change(byId(id)));
}

function connectContrast() {
  const slid = (slider) => range.low + (slider.value / 1000) * (range.high - range.low);
  onInput("low-slide", (slider) => setContrast(slid(slider), state.high));
  onInput("high-slide", (slider) => setContrast(state.low, slid(slider)));
  onInput("gamma-slide", (slider) => setContrast(state.low, state.high, 10 ** (slider.value / 100)));
  for (const id of ["low", "high", "gamma"]) {
    byId(id).addEventListener("change", () => {
      setContrast(byId("low").valueAsNumber, byId("high").valueAsNumber, byId("gamma").valueAsNumber);
    });
  }
  byId("auto").addEventListener("click", automatic);
  byId("whole").addEventListener("click", () => setContrast(range.low, range.high, 1));
}

function connectOverlay() {
  const names = overlayNames();
  options(byId("overlay"), ["none", ...names], [0, ...names.map((_, number) => number + 1)]);
  onInput("overlay", (select) => setOverlay(["", ...names][select.value]));
  onInput("overlay-side", (select) => {
    state.overlaySide = select.value;
    draw();
  });
  onInput("opacity", (slider) => {
    state.opacity = slider.value / 100;
    draw();
  });
}

function connectLine() {
  byId("draw-line").addEventListener("click", () => setTool(state.tool === "line" ? "pan" : "line"));
  byId("clear-line").addEventListener("click", () => setLine(null));
  const ids = ["x1", "y1", "x2", "y2"];
  for (const id of ids) {
    byId(id).max = id.startsWith("x") ? PAGE.width - 1 : PAGE.height - 1;
    byId(id).addEventListener("change", () => {
      const line = Object.fromEntries(ids.map((one) => [one, byId(one).valueAsNumber]));
      if (!Object.values(line).every(Number.isFinite)) return;
      for (const one of ids) line[one] = Math.max(0, Math.min(Number(byId(one).max), line[one]));
      setLine(line);
    });
  }
}

function connectView() {
  byId("zoom-in").addEventListener("click", () => zoom(1.25));
  byId("zoom-out").addEventListener("click", () => zoom(0.8));
  byId("fit").addEventListener("click", fit);
  byId("one").addEventListener("click", ON_KEY[1]);
  onInput("beside", (box) => setBeside(box.checked));
  onInput("smooth", (box) => {
    state.smooth = box.checked;
    draw();
  });
  onInput("swipe", (slider) => setSwipe(slider.value / 1000));
  byId("swap").addEventListener("click", swap);
  for (const side of ["left", "right"]) {
    byId(side).value = state[side];
    onInput(side, (select) => choosePicture(side, Number(select.value)));
  }
}

function connectChannels() {
  const select = byId("channel");
  const names = PAGE.channels.map((name, number) => name || `channel ${number + 1}`);
  const values = names.map((_, number) => number);
  options(select, PAGE.colour ? ["colours", ...names] : names, PAGE.colour ? [-1, ...values] : values);
  byId("channel-box").hidden = names.length < 2;
  onInput("channel", () => {
    state.channel = Number(select.value);
    setRange();
    whenReady(automatic);
    showProfile();
  });
}

function connectPointer() {
  canvas.addEventListener("pointerdown", down);
  canvas.addEventListener("pointermove", moved);
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("keydown", pressed);
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0015)), ...at(event));
  }, { passive: false });
}

// As soon as the pictures of now are unpacked.
function whenReady(work) {
  const needed = [state.left, state.right].flatMap((side) =>
    channels().map((channel) => tilesOf(side, state.plane, channel).promise),
  );
  Promise.all(needed).then(work).catch(failed);
}

function resized() {
  const width = canvas.parentElement.clientWidth;
  const wanted = width * (PAGE.height / PAGE.width);
  canvas.style.height = `${Math.round(Math.max(220, Math.min(wanted, 0.72 * window.innerHeight)))}px`;
  if (state.fitted) fit();
  draw();
}

theme();
copying();
if (PAGE) {
  setRange();
  stackSliders();
  connectContrast();
  connectOverlay();
  connectLine();
  connectView();
  connectChannels();
  connectPointer();
  setSwipe(0.5);
  resized();
  new ResizeObserver(resized).observe(canvas.parentElement);
  matchMedia("print").addEventListener("change", drawNow);
  whenReady(() => {
    automatic();
    canvas.dataset.started = "true";
  });
}
