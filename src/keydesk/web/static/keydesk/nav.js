// On a phone the menu is a row that is wider than the window: it begins at the page that is open.

for (const link of document.querySelectorAll("nav > [aria-current]")) {
  const row = link.parentElement;
  row.scrollLeft = link.offsetLeft - row.offsetLeft - (row.clientWidth - link.offsetWidth) / 2;
}
