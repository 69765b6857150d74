/** The front page of the site: front.md, with pictures and figures of other files. */
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { foundPackages } from '../../scripts/found.mjs'

export const FRONT = 'docs/.vitepress/front.md'

const root = resolve(import.meta.dirname, '../..')
const read = path => readFileSync(join(root, path), 'utf8')

/** Returns the front page with its pictures, the figures of README.md, and what explore found. */
export function frontPage() {
  const { unknown, known, often } = foundPackages()
  return read(FRONT)
    .replaceAll(/!\[\]\((.*)\)/g, (_, file) =>
      read(join(dirname(FRONT), file))
        .replace(/<style>.*<\/style>/, '')
        .trim(),
    )
    .replace('<!-- bars -->', barsOf(read('README.md')))
    .replace('<!-- new -->', unknown)
    .replace('<!-- known -->', known)
    .replace('<!-- often -->', often)
}

/** Returns the throughputs of README.md as bars. */
function barsOf(readme) {
  const bars = [...readme.matchAll(/^\| (.+) \| ([\d.]+) Gbit\/s/gm)]
  const most = Math.max(...bars.map(([, , value]) => value))
  const list = bars.map(([, name, value]) => {
    const part = `--part: ${(value / most).toFixed(3)}`
    return `<dt>${name}</dt><dd style="${part}"><span></span>${value} Gbit/s</dd>`
  })
  return `<dl class="bars">${list.join('')}</dl>`
}
