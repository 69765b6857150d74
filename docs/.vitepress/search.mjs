/** The order in which the search of the site shows sections of pages. */
export const searchOptions = {
  /**
   * Returns a word of a question like in the index; null for a word that any page may have, such
   * as "is". Without such words, a question is about its other words. VitePress sends the text of
   * these functions to the browser, so they use nothing outside.
   */
  processTerm(term) {
    const word = term.toLowerCase()
    const common =
      'a an and are as at be but by can do does for from how i if in into is it its my of on or ' +
      'our so that the their them then there these they this to was we were what when where ' +
      'which who why will with you your'
    return common.split(' ').includes(word) ? null : word
  },
  /**
   * Returns the factor of a section. A page's own title counts more than the sections in it. Pages
   * of names (the API, the kernel map, commands, fields, terms), lists of pages, and pages for
   * developers of vnet come after guides, and recipes before them. The course comes first for
   * beginners' terms.
   */
  boostDocument(id, term, { titles }) {
    const isTitle = titles.length === 0
    if (isTitle && /\/learn\/course\./.test(id) && /^(learn|course|tutorial|write)/.test(term)) {
      return 10
    }
    if (
      /\/(api\/|kernel-map|internals|commands|contents|choose|comparison|performance|json|glossary|SKILL)/.test(
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
