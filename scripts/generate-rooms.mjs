/**
 * npm run generate: draws docs/pictures/doors.svg, and writes the tables of rooms in
 * docs/internals.md and CONTRIBUTING.md, from scripts/rooms.mjs and the doors of the tree.
 */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { isPure, roomOf } from './check-imports.mjs'
import { core, products } from './rooms.mjs'
import { roomsPicture } from './rooms-picture.mjs'
import { Doors } from './setup/doors.mjs'

const root = resolve(import.meta.dirname, '..')

/**
 * Returns the rooms of the core that have a text, each with the doors through which it offers
 * names: how many, and whether these are pure.
 */
export function roomsWithDoors() {
  const doors = new Doors(root)
  const kit = readdirSync(join(root, 'src/kit')).map(file => `vnet/kit/${file.slice(0, -3)}`)
  const offered = [...doors.public, ...kit.sort()].flatMap(door =>
    [...doors.exportsOf(doors.pathOf(door)).values()].map(({ file }) => {
      const name = doors.nameOf(file)
      return { door, room: roomOf(name), pure: isPure(name) }
    }),
  )
  return core
    .filter(({ what }) => what !== undefined)
    .map(each => {
      const mine = offered.filter(({ room }) => room === each.room)
      const names = [...new Set(mine.map(({ door }) => door))]
      return {
        ...each,
        doors: names.map(door => {
          const through = mine.filter(name => name.door === door)
          return {
            door,
            kit: door.startsWith('vnet/kit/'),
            names: through.length,
            pure: through.every(({ pure }) => pure),
          }
        }),
      }
    })
}

/** Returns the doors of a package, as its manifest exports them. */
function doorsOf(product) {
  const manifest = join(root, 'packages', product, 'package.json')
  const { name, exports = {} } = JSON.parse(readFileSync(manifest, 'utf8'))
  return Object.entries(exports)
    .filter(([path, { source }]) => source !== undefined && !path.includes('*'))
    .map(([path]) => ({
      door: `${name}${path.slice(1)}`,
      kit: path === './commands' || path.startsWith('./kit'),
    }))
}

const quoted = doors => doors.map(({ door }) => `\`${door}\``).join(', ')

/** Returns the table of docs/internals.md: a line for each room of the core, and each product. */
function roomsTable() {
  const rows = [
    ...roomsWithDoors().map(({ room, pure, what, doors }) => [
      `\`src/${room}\`${pure ? ', pure' : ''}`,
      what,
      quoted(doors),
    ]),
    ...products.map(({ product, what, uses = [] }) => [
      `\`packages/${product}\``,
      `${what}${uses.length > 0 ? `; it uses ${uses.join(', ')}` : ''}`,
      quoted(doorsOf(product)),
    ]),
  ]
  return rows.map(cells => `| ${cells.join(' | ')} |\n`).join('')
}

/** Returns the table of CONTRIBUTING.md: a line for each folder, which may be several rooms. */
function foldersTable() {
  const folders = new Map()
  for (const { room, what } of core) {
    if (what === undefined || room.endsWith('.ts')) continue
    const folder = `src/${room.split('/')[0]}`
    folders.set(folder, [...(folders.get(folder) ?? []), what])
  }
  for (const { product, what } of products) {
    folders.set(`packages/${product}`, [what])
  }
  return Array.from(folders, ([folder, what]) => `| \`${folder}\` | ${what.join('; ')} |\n`).join(
    '',
  )
}

/** Returns the packages with their doors, and what they and their rooms may use. */
const packagesWithDoors = () =>
  products.map(({ product, uses, rooms }) => ({
    product,
    doors: doorsOf(product),
    uses: [
      ['doors', ...(uses ?? [])].join(', '),
      ...rooms
        .filter(each => each.uses !== undefined)
        .map(({ room, uses }) => `${room.split('/').at(-1)}: ${uses.join(', ')}`),
    ].join('; '),
  }))

/** The rows of a table whose first cell is a folder of src or of packages. */
const ROWS = /(?:^\| `(?:src|packages)\/.*\n)+/m

/** Returns the text of a page with the rows of its table of rooms replaced. */
function withRows(page, rows) {
  const text = readFileSync(join(root, page), 'utf8')
  if (!ROWS.test(text)) throw new Error(`${page} has no table of rooms`)
  return text.replace(ROWS, () => rows)
}

/** Returns the texts of all files that follow from the table, by their paths. */
export function generatedFiles() {
  return {
    'docs/pictures/doors.svg': roomsPicture(
      // The doors of kit are drawn in the rooms behind them.
      roomsWithDoors().filter(({ room }) => room !== 'kit'),
      packagesWithDoors(),
    ),
    'CONTRIBUTING.md': withRows('CONTRIBUTING.md', foldersTable()),
    'docs/internals.md': withRows(
      'docs/internals.md',
      roomsTable().replaceAll('](docs/', '](').replaceAll('](packages/', '](../packages/'),
    ),
  }
}

if (process.argv[1] === import.meta.filename) {
  for (const [path, text] of Object.entries(generatedFiles())) {
    writeFileSync(join(root, path), text)
  }
}
