// The theme puts wide tables into boxes that scroll on a narrow screen: the keyboard reaches them too.
function reachable() {
  for (const box of document.querySelectorAll(".md-typeset__scrollwrap:not([tabindex])")) {
    box.tabIndex = 0;
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", "Table");
  }
}
// it does so after it has loaded, and again with each page that it fetches
new MutationObserver(reachable).observe(document.documentElement, { childList: true, subtree: true });
reachable();
