// Wide tables scroll in a box that the theme makes when it starts. Whoever has no mouse reaches such a box with Tab.
const reach = () => {
  for (const box of document.querySelectorAll(".md-typeset__scrollwrap")) {
    if (box.scrollWidth > box.clientWidth) {
      box.tabIndex = 0
      box.setAttribute("role", "region")
      box.setAttribute("aria-label", "Table that scrolls")
    } else {
      box.removeAttribute("tabindex")
      box.removeAttribute("role")
      box.removeAttribute("aria-label")
    }
  }
}

addEventListener("load", reach)
addEventListener("resize", reach)
