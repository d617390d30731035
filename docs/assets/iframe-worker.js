// Browsers refuse workers to pages that are opened from disk. There the search runs in a hidden frame of the same
// page instead, behind the part of the interface of a worker that the theme uses: messages to it and from it.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      this.started = new Promise((resolve) => {
        const frame = document.createElement("iframe")
        frame.hidden = true
        frame.title = "search"
        frame.srcdoc = "<!doctype html><title>search</title>"
        frame.addEventListener("load", () => {
          const inside = frame.contentWindow
          // the script answers through the function of this name, as it would in a worker
          inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }))
          const script = inside.document.createElement("script")
          script.src = url
          script.addEventListener("load", () => resolve(inside))
          inside.document.head.append(script)
        }, { once: true })
        document.body.append(frame)
      })
    }

    postMessage(data) {
      this.started.then((inside) => inside.dispatchEvent(new MessageEvent("message", { data })))
    }
  }
}
