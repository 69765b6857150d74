/** The order in which the search of the site shows sections of pages. */
export const searchOptions = {
  /**
   * Returns the factor of a section. A page's own title counts more than the sections in it. Pages
   * of names (the API, the kernel map, commands) and pages for developers of vnet come after
   * guides, and recipes before them. The course comes first for beginners' terms. VitePress
   * sends the text of this function to the browser, so it uses nothing outside.
   */
  boostDocument(id, term, { titles }) {
    const isTitle = titles.length === 0
    if (
      isTitle &&
      /\/learn\/course\./.test(id) &&
      /^(learn|course|tutorial|write|how)/.test(term)
    ) {
      return 10
    }
    if (
      /\/(api\/|kernel-map|internals|commands|contents|comparison|wires-compared|performance)/.test(
        id,
      )
    ) {
      return isTitle ? 0.6 : 0.3
    }
    if (/\/(drivers\/|tap-reference)/.test(id)) return 1
    if (/\/recipes/.test(id)) return isTitle ? 3 : 1.5
    return isTitle || id.includes('/readme.html#') ? 2 : 1
  },
}
