/** The colours of palette.css, for pictures in files that cannot import it. */
import { readFileSync } from 'node:fs'

const read = path => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
const css = read('packages/web/src/page/palette.css')

/** The values by the names without dashes: `colours.text.dark`. */
export const colours = Object.fromEntries(
  [...css.matchAll(/--([\w-]+): light-dark\((#\w+), (#\w+)\);/g)].map(([, name, light, dark]) => [
    name,
    { light, dark },
  ]),
)

/** Returns the CSS of an SVG that sets `--text` and others for the scheme of the viewer. */
export function tokens(...names) {
  const of = scheme => `svg{${names.map(name => `--${name}:${colours[name][scheme]}`).join(';')}}`
  return `${of('light')}\n@media (prefers-color-scheme:dark){${of('dark')}}`
}

/**
 * Returns the style of a figure in a file of its own, which follows the scheme of the page around
 * it, from files of docs/.vitepress/theme.
 */
export function figureStyle(...files) {
  const rules = files
    .map(file => read(`docs/.vitepress/theme/${file}`).replace(/\/\*.*?\*\//gs, ''))
    .join('')
  const used = Object.entries(colours).filter(([name]) => rules.includes(`var(--${name})`))
  const values = scheme =>
    `.figure{${used.map(([name, colour]) => `--${name}:${colour[scheme]}`).join(';')}}`
  const small = rules
    .replace(/\s*\n\s*/g, '')
    .replaceAll(': ', ':')
    .replaceAll(' {', '{')
    .replaceAll(';}', '}')
  return `${values('light')}@media (prefers-color-scheme:dark){${values('dark')}}${small}`
}
