// What axe finds in the theme: a dialog without a name, tables that only a mouse can scroll, landmarks of one name.
document$.subscribe(() => {
  document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
  document.querySelectorAll(".md-typeset__scrollwrap, .md-typeset pre > code").forEach((box) => {
    box.tabIndex = 0;
  });
  const number = () =>
    document.querySelectorAll(".md-code__nav").forEach((nav, index) => {
      nav.setAttribute("aria-label", `Code ${index + 1}`);
    });
  new MutationObserver(number).observe(document.body, { childList: true, subtree: true });
  number();
});
