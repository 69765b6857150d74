/** Pictures and pages that cannot import palette.css have its colours, and no others. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { colours, tokens } from '../../scripts/palette.mjs'

const filesIn = (folder: string, end: RegExp) =>
  readdirSync(folder)
    .filter(name => end.test(name))
    .map(name => `${folder}/${name}`)
const files = [
  ...filesIn('docs', /\.svg$/),
  ...filesIn('docs/performance', /\.svg$/),
  ...filesIn('docs/pictures', /\.svg$/),
  ...filesIn('docs/.vitepress/front', /\.svg$/),
  ...filesIn('docs/.vitepress/theme', /\.css$/),
  ...filesIn('packages/lab/records/found', /\.svg$/),
  ...filesIn('packages/web/src/page', /\.(svg|css)$/),
  'packages/lab/templates/page.css',
]
const values = Object.values(colours).flatMap(({ light, dark }) => [light, dark])

test.each(files)('%s has no colour of its own', file => {
  const text = readFileSync(file, 'utf8')
  const found = text.match(/#(?:[\da-f]{8}|[\da-f]{6}|[\da-f]{3})\b/gi) ?? []
  expect(found.filter(colour => !values.includes(colour))).toEqual([])
})

test('the page of explore has the names and values of palette.css', () => {
  const [palette, style] = [
    'packages/web/src/page/palette.css',
    'packages/lab/templates/page.css',
  ].map(file => readFileSync(file, 'utf8')) as [string, string]
  const [root = ''] = style.split('\n}')
  const lines = root.match(/^ {2}--.*$/gm) ?? []
  expect(lines).not.toEqual([])
  for (const line of lines) {
    expect(palette).toContain(`${line}\n`)
  }
})

test('the page of explore has the mark of the site', () => {
  const mark = readFileSync('packages/web/src/page/mark.svg', 'utf8')
  const [shapes = ''] = /<g>.*(?=<\/svg>)/.exec(mark) ?? []
  expect(shapes).toContain('<circle')
  expect(readFileSync('packages/lab/src/explore/page.ts', 'utf8')).toContain(shapes)
})

test('a picture has the colours of palette.css, for both schemes', () => {
  const { light, dark } = colours.text!
  expect(tokens('text')).toBe(
    `svg{--text:${light}}\n@media (prefers-color-scheme:dark){svg{--text:${dark}}}`,
  )
  const path = readFileSync('docs/frame-path.svg', 'utf8')
  expect(path).toContain(tokens('panel', 'text', 'muted', 'strong-line', 'accent'))
  const recording = readFileSync('docs/recording.svg', 'utf8')
  expect(recording).toContain(tokens('bg', 'text', 'muted', 'line', 'drop', 'warn'))
})
