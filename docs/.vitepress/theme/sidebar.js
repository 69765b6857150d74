/** The list of pages on the left, which opens at the current page. */

/**
 * Scrolls the list to its entry for this page, unless that is in view. Below 1440 px it is in the
 * menu, where it scrolls in the same way.
 */
export function showCurrentPage() {
  // The group of the entry opens after the page has its content.
  requestAnimationFrame(() => {
    const list = document.querySelector('.VPSidebar')
    const entry = list?.querySelector('.is-active > .item')
    if (!entry) return
    const { top, bottom } = entry.getBoundingClientRect()
    const box = list.getBoundingClientRect()
    // It covers the top of the list where the page's bar is.
    const curtain = list.querySelector('.curtain')?.getBoundingClientRect().bottom ?? box.top
    if (top < Math.max(curtain, box.top) || bottom > box.bottom) {
      list.scrollTop += top - box.top - box.height / 3
    }
  })
}
