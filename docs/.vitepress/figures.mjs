/** The figures of the pages, in their text: the search of the site finds them by it. */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Puts figures into their pages, so that they have the page's scheme and text. */
export function inlineFigures(markdown) {
  markdown.core.ruler.push('figures', state => {
    const directory = dirname(state.env.realPath ?? state.env.path ?? '')
    for (const token of state.tokens.flatMap(({ children }) => children ?? [])) {
      const src = token.type === 'image' ? token.attrGet('src') : ''
      const svg = /^[^:]+\.svg$/.test(src) ? readFileSync(join(directory, src), 'utf8') : ''
      if (!svg.includes('class="figure"')) continue
      const label = `aria-label="${markdown.utils.escapeHtml(token.content.replace(/\s+/g, ' '))}"`
      const content = svg
        .replace(/<(title|style)>.*?<\/\1>/gs, '')
        .replace('<svg ', `<svg v-pre ${label} `)
      Object.assign(token, { type: 'html_inline', content: content.replace(/\n/g, '') })
    }
  })
}
