/** The figures of the pages: drawn, up to date, described, and legible. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { figureDrawer, figureFiles } from '../../../../scripts/figures.mjs'

const root = join(import.meta.dirname, '../../../..')
const files = figureFiles()
const draw = await figureDrawer()
const read = (path: string) => readFileSync(join(root, path), 'utf8')

/** All pages, of the core, of the packages and of the exercises. */
const pages = ['README.md', 'docs', 'packages'].flatMap(top =>
  top.endsWith('.md')
    ? [top]
    : readdirSync(join(root, top), { recursive: true, encoding: 'utf8' })
        .filter(name => name.endsWith('.md') && !/(^|\/)(node_modules|dist|site|api)\//.test(name))
        .map(name => join(top, name)),
)

/** All images of the pages: the path and the text. */
const images = pages.flatMap(page =>
  [...read(page).matchAll(/!\[((?:[^[\]]|\[[^\]]*\])*)\]\(([^)]*)\)/g)].map(
    ([, alt = '', path = '']) => ({ path: join(page, '..', path), alt }),
  ),
)

/** Parts of drawings made of characters: arrows, corners and lines. */
const CHARACTERS = /\+--|--+>|<--+|==+>|[─│┌┐└┘├┤]/

test('no page has a figure of characters', () => {
  expect(pages.length).toBeGreaterThan(100)
  const found = pages.filter(page => {
    const lines = read(page)
      .replace(/<!--.*?-->/gs, '')
      .split('\n')
    return lines.some(line => CHARACTERS.test(line.replace(/^\|.*/, '')))
  })
  expect(found).toEqual([])
})

test('each exercise has a figure', () => {
  const exercises = readdirSync(join(root, 'packages/learn/course')).filter(name =>
    /^\d\d-/.test(name),
  )
  expect(files).toEqual(
    expect.arrayContaining(exercises.map(name => `packages/learn/course/${name}/figure.js`)),
  )
})

describe.each(files)('%s', file => {
  const svg = read(file.replace(/js$/, 'svg'))

  test('is drawn as scripts/figures.mjs draws it', async () => {
    const { figure } = await import(pathToFileURL(join(root, file)).href)
    expect(draw(figure)).toBe(svg)
  })

  test('is on a page, with its content as a text', () => {
    const [name = ''] = /[\w-]+$/.exec(file.replace(/\.js$/, '')) ?? []
    const alts = images
      .filter(({ path }) => path === file.replace(/js$/, 'svg'))
      .map(({ alt }) => alt)
    expect(alts, name).toHaveLength(1)
    expect(alts[0]?.length).toBeGreaterThan(100)
  })

  test('has no text that is cut, or that touches a line or another text', () => {
    expect(collisions(svg)).toEqual([])
  })
})

test('the pointers of a ring are at the middle of its first cell, and of the first that is free', () => {
  const ring = { ring: 4, filled: 1, pointers: [{}, { lane: 'away' }], at: [10, 10, 5] }
  const heads = (shape: object) =>
    tagsOf(draw({ title: 'ring', size: [20, 20], shapes: [shape] }), 'path')
      .filter(({ class: name }) => name === 'head')
      .map(({ d = '' }) => d.replace(/L.*/, ''))
  expect(heads(ring)).toEqual(['M108.99 51.01', 'M108.99 108.99'])
  expect(heads({ ...ring, from: 1 })).toEqual(['M108.99 108.99', 'M51.01 108.99'])
})

/** The width of a character of 13 units. */
const CHARACTER = 7.83

interface Area {
  readonly x1: number
  readonly y1: number
  readonly x2: number
  readonly y2: number
}

function attributesOf(tag: string): Record<string, string> {
  return Object.fromEntries(
    [...tag.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
  )
}

const tagsOf = (svg: string, name: string) =>
  [...svg.matchAll(new RegExp(`<${name}\\b([^>]*)>([^<]*)`, 'g'))].map(
    ([, tag = '', text = '']) => {
      return { text, ...attributesOf(tag) } as Record<string, string>
    },
  )

/** Returns the texts of a figure that are cut or not alone where they are. */
function collisions(svg: string): string[] {
  const [{ viewBox = '' } = {}] = tagsOf(svg, 'svg')
  const [, , width = 0, height = 0] = viewBox.split(' ').map(Number)
  const texts = tagsOf(svg, 'text')
    .filter(({ text }) => text !== '')
    .map(({ text = '', x, y, 'text-anchor': anchor }) => {
      const length = text.replace(/&\w+;/g, '_').length * CHARACTER
      const before = anchor === 'end' ? length : 0
      const x1 = Number(x) - (anchor === 'middle' ? length / 2 : before)
      return { text, x1, x2: x1 + length, y1: Number(y) - 10, y2: Number(y) + 3 }
    })
  const lines = linesOf(svg)
  return texts
    .filter((text, i) => {
      const isCut = text.text.endsWith('…')
      const isOutside = text.x1 < 4 || text.x2 > width - 4 || text.y1 < 2 || text.y2 > height - 2
      const near = { x1: text.x1 - 4, x2: text.x2 + 4, y1: text.y1, y2: text.y2 }
      const meetsText = texts.slice(i + 1).some(other => {
        return near.x1 < other.x2 && other.x1 < near.x2 && near.y1 < other.y2 && other.y1 < near.y2
      })
      return isCut || isOutside || meetsText || lines.some(line => crosses(line, text))
    })
    .map(({ text }) => text)
}

/** The lines, edges and marks of a figure. */
function linesOf(svg: string): Area[] {
  const edges = tagsOf(svg, 'rect')
    .filter(({ class: name }) => name !== 'paper')
    .flatMap(({ x, y, width, height }) => {
      const [x1, y1] = [Number(x), Number(y)]
      const [x2, y2] = [x1 + Number(width), y1 + Number(height)]
      return [
        { x1, y1, x2, y2: y1 },
        { x1, y1: y2, x2, y2 },
        { x1, y1, x2: x1, y2 },
        { x1: x2, y1, x2, y2 },
      ]
    })
  const paths = tagsOf(svg, 'path').flatMap(({ d = '' }) => {
    // Arcs are followed by a chord, and strokes of a mark are about its start.
    const points = [...d.matchAll(/(?:[ML]|A\S+ \S+ 0 \d \d )(-?[\d.]+) (-?[\d.]+)/g)].map(
      ([, x, y]) => [Number(x), Number(y)] as const,
    )
    return points.slice(1).map(([x2, y2], i) => ({ x1: points[i]![0], y1: points[i]![1], x2, y2 }))
  })
  const dots = tagsOf(svg, 'circle').map(({ cx, cy }) => {
    return { x1: Number(cx) - 5, x2: Number(cx) + 5, y1: Number(cy), y2: Number(cy) }
  })
  return [...edges, ...paths, ...dots]
}

/** Whether a line passes a text nearer than 2 units (Liang and Barsky). */
function crosses({ x1, y1, x2, y2 }: Area, text: Area): boolean {
  const sides = [
    [x1 - x2, x1 - text.x1 + 2],
    [x2 - x1, text.x2 + 2 - x1],
    [y1 - y2, y1 - text.y1 + 2],
    [y2 - y1, text.y2 + 2 - y1],
  ] as const
  if (sides.some(([step, room]) => step === 0 && room < 0)) return false
  const enter = Math.max(0, ...sides.flatMap(([step, room]) => (step < 0 ? [room / step] : [])))
  const leave = Math.min(1, ...sides.flatMap(([step, room]) => (step > 0 ? [room / step] : [])))
  return enter <= leave
}
