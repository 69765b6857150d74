/** The colours of palette.css, for pictures in files that cannot import it. */
import { readFileSync } from 'node:fs'

const css = readFileSync(new URL('../packages/web/src/page/palette.css', import.meta.url), 'utf8')

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
