/**
 * node scripts/figures.mjs [DIRECTORY]: draws each figure.js of the course and each description in
 * a folder `pictures` of the docs as an SVG file beside it. Text in figures is 13 units high and a
 * figure at most 42 squares of 8 units wide, so that it is legible on a narrow phone.
 *
 * A description has a `title`, a `size` and its `shapes`, in squares. Each has a place `at`: that
 * of a point is [x, y], that of a rectangle [x, y, width, height]. The `lane` is `away` from the
 * kernel, `toward` it, `drop` or `warn`; the `part` is the name of a ring in the driver's data, the
 * length of which the cells show while the driver runs. The cells of a ring start at the top, or
 * `from` cells after it. Its two `pointers`, with their lanes, point at the first cell, and at the
 * cell after the filled ones.
 */
import { readdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { rolldown } from 'rolldown'
import { sources } from './course-bundle.mjs'
import { readOptions } from './options.mjs'
import { figureStyle } from './palette.mjs'

const root = resolve(import.meta.dirname, '..')
const PAGE = 'packages/web/src/page'
const UNIT = 8
/** Pixels per unit, where there is room. */
const SCALE = 1.25

/** The paths of the descriptions in a repository. */
export function figureFiles(directory = root) {
  const within = (folder, pattern) =>
    readdirSync(join(directory, folder), { recursive: true })
      .map(name => join(folder, name))
      .filter(path => pattern.test(path) && !path.includes('node_modules'))
  return [
    ...within('packages/learn/course', /\/figure\.js$/),
    ...within('packages/lab/docs', /\/pictures\/[\w-]+\.js$/),
    ...within('packages/learn/docs', /\/pictures\/[\w-]+\.js$/),
    ...within('docs', /\/pictures\/[\w-]+\.js$/),
  ].sort()
}

/** Imports the shapes of the live page, and what draws them as text. */
async function loadShapes() {
  const entry = `export { h } from 'preact'
    export { renderToString } from 'preact-render-to-string'
    export * from './${PAGE}/shapes.tsx'`
  const bundle = await rolldown({
    input: 'figures',
    cwd: root,
    platform: 'node',
    plugins: [
      {
        name: 'entry',
        resolveId: id => (id === 'figures' ? join(root, 'figures.js') : undefined),
        load: id => (id === join(root, 'figures.js') ? entry : undefined),
      },
      sources,
    ],
  })
  const { output } = await bundle.generate({ format: 'esm' })
  await bundle.close()
  return import(`data:text/javascript;base64,${Buffer.from(output[0].code).toString('base64')}`)
}

/** The path of a head that points from outside at a circle, at an angle. */
function head(cx, cy, radius, angle) {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
  /** A point, by its distance from the circle and from the line through the middle. */
  const at = (away, aside) => {
    const x = cx + (radius + away) * cos - aside * sin
    const y = cy + (radius + away) * sin + aside * cos
    return `${x.toFixed(2)} ${y.toFixed(2)}`
  }
  return `M${at(1, 0)}L${at(8, 4)}L${at(8, -4)}Z`
}

/** Returns a function that returns the SVG of a description. */
export async function figureDrawer() {
  const { h, renderToString, ...shapes } = await loadShapes()
  const css = figureStyle('figure.css')
  const units = squares => squares.map(each => each * UNIT)
  const point = at => {
    const [x, y] = units(at)
    return { x, y }
  }
  const rect = at => {
    const [x, y, width, height] = units(at)
    return { x, y, width, height }
  }
  const group = (name, { lane, part }, ...children) =>
    h(
      'g',
      {
        class: lane === undefined ? name : `${name} ${lane}`,
        ...(part && { 'data-part': 'ring', 'data-name': part }),
      },
      ...children,
    )

  /** By the property that names a shape. */
  const kinds = {
    box({ box, lines = [], near, at, ...rest }) {
      const all = [
        ...(box === '' ? [] : [{ text: box, tone: 'name' }]),
        ...lines.map(text => ({ text })),
      ]
      return group(near ? 'end' : 'part', rest, h(shapes.Box, { box: rect(at), lines: all }))
    },
    group({ group: title, dashed, lane = '', at }) {
      return h(shapes.Titled, { box: rect(at), look: dashed ? 'outline' : `group ${lane}`, title })
    },
    cells({ cells, filled = 0, at, ...rest }) {
      const { width, ...place } = rect(at)
      return group('queue', rest, h(shapes.Cells, { ...place, step: width / cells, cells, filled }))
    },
    ring({ ring, from = 0, filled = 0, pointers = [], at, ...rest }) {
      const [cx, cy, outer] = units(at)
      const pointer = (each, i) => {
        const cell = from + (i === 0 ? 0 : filled) + 0.5
        const angle = (2 * Math.PI * cell) / ring - Math.PI / 2
        const path = h('path', { class: 'head', d: head(cx, cy, outer, angle) })
        return group('mark', each, path)
      }
      return group(
        'ring',
        rest,
        h(shapes.Circle, { cx, cy, outer, inner: outer - 12, from, cells: ring, filled }),
        ...pointers.map(pointer),
      )
    },
    arrow({ arrow, dashed, ...rest }) {
      return group(
        dashed ? 'arrow dashed' : 'arrow',
        rest,
        h(shapes.Arrow, { points: arrow.map(units) }),
      )
    },
    line: ({ line, dashed, ...rest }) =>
      group(
        dashed ? 'arrow dashed' : 'arrow',
        rest,
        h('path', { class: 'line', d: `M${line.map(point => units(point).join(' ')).join('L')}` }),
      ),
    bolt: ({ bolt, ...rest }) => group('mark', rest, h(shapes.Bolt, point(bolt))),
    cut: ({ cut }) => group('mark', {}, h(shapes.Cut, point(cut))),
    dot: ({ dot, ...rest }) => group('mark', rest, h(shapes.Dot, point(dot))),
    /** `at` is the start of its middle line, or the middle or the end of that. */
    text({ text, at, tone, lane, anchor }) {
      const { x, y } = point(at)
      return h(shapes.Label, { class: lane ?? tone, x, y: y + 4.5, text, anchor })
    },
  }

  return ({ title, size, shapes: all }) => {
    const [width, height] = units(size)
    const children = all.map(shape => {
      const kind = Object.keys(kinds).find(kind => shape[kind] !== undefined)
      return kinds[kind](shape)
    })
    const attributes = {
      xmlns: 'http://www.w3.org/2000/svg',
      class: 'figure',
      viewBox: `0 0 ${width} ${height}`,
      width: width * SCALE,
      height: height * SCALE,
      role: 'img',
    }
    const paper = h('rect', { class: 'paper', width, height, rx: UNIT })
    const svg = h(
      'svg',
      attributes,
      h('title', {}, title),
      h('style', { dangerouslySetInnerHTML: { __html: css } }),
      paper,
      ...children,
    )
    return `${renderToString(svg).replaceAll(/(<(rect|path|g|text|title|style)\b)/g, '\n$1')}\n`
  }
}

if (process.argv[1] === import.meta.filename) {
  const directory = resolve(readOptions({}, 1).positionals[0] ?? root)
  const draw = await figureDrawer()
  for (const file of figureFiles(directory)) {
    const { figure } = await import(pathToFileURL(join(directory, file)))
    writeFileSync(join(directory, file.replace(/js$/, 'svg')), draw(figure))
  }
}
