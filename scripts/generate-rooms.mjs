/**
 * npm run generate: draws docs/pictures/doors.svg, and writes the tables of rooms in
 * docs/internals.md and CONTRIBUTING.md, from scripts/rooms.mjs and the doors of the tree.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { isPure, roomOf } from './check-imports.mjs'
import { readOptions } from './options.mjs'
import { core, products } from './rooms.mjs'
import { roomsPicture } from './rooms-picture.mjs'
import { Doors } from './setup/doors.mjs'

const root = resolve(import.meta.dirname, '..')

/**
 * Returns the rooms of the core that have a text, each with the doors through which it offers
 * names: how many, and whether all of these are pure.
 */
export function roomsWithDoors() {
  const doors = new Doors(root)
  const offered = doors.packages.get('vnet').flatMap(door =>
    [...doors.exportsOf(doors.pathOf(door)).values()].map(({ file }) => {
      const name = doors.nameOf(file)
      return { door, room: roomOf(name), pure: isPure(name) }
    }),
  )
  return core
    .filter(({ what }) => what !== undefined)
    .map(each => ({
      ...each,
      doors: doorsOfRoom(offered.filter(({ room }) => room === each.room)),
    }))
}

/** Returns the doors of names, public ones first, each kind by the number of names. */
function doorsOfRoom(offered) {
  const doors = [...new Set(offered.map(({ door }) => door))].map(door => {
    const names = offered.filter(name => name.door === door)
    return {
      door,
      kit: door.startsWith('vnet/kit/'),
      names: names.length,
      pure: names.every(({ pure }) => pure),
    }
  })
  return doors.sort(
    (a, b) => a.kit - b.kit || b.names - a.names || a.door.localeCompare(b.door, 'en'),
  )
}

/** Returns the packages with their doors, and the other packages that they may use. */
export function packagesWithDoors() {
  return products.map(({ product, what, uses = [], ofCore, rooms }) => {
    const ofRooms = rooms.flatMap(({ room, uses: more = [] }) =>
      more
        .filter(name => !uses.includes(name))
        .map(name => `${name} (${room.replace(/^.*\//, '')})`),
    )
    return { product, what, doors: doorsOfPackage(product), ofCore, uses: [...uses, ...ofRooms] }
  })
}

/** Returns the doors of a package, as its manifest exports them. */
function doorsOfPackage(product) {
  const manifest = join(root, 'packages', product, 'package.json')
  const { name, exports = {} } = JSON.parse(readFileSync(manifest, 'utf8'))
  return Object.entries(exports)
    .filter(([path, { source }]) => source !== undefined && !path.includes('*'))
    .map(([path]) => ({
      door: `${name}${path.slice(1)}`,
      kit: /^\.\/(?:commands$|kit\b)/.test(path),
    }))
}

/** Returns the table of docs/internals.md: a line for each room of the core, and each package. */
function roomsTable() {
  const quoted = names => names.map(name => `\`${name}\``)
  const row = (room, what, uses, doors) => {
    const all = uses.length > 0 ? `${what}; it may use ${uses.join(', ')}` : what
    return `| ${room} | ${all} | ${quoted(doors.map(({ door }) => door)).join(', ')} |\n`
  }
  return [
    ...roomsWithDoors().map(({ room, pure, what, packages = [], doors }) =>
      row(`\`src/${room}\`${pure ? ', pure' : ''}`, what, quoted(packages), doors),
    ),
    ...packagesWithDoors().map(({ product, what, uses, ofCore, doors }) => {
      const few = ofCore ? [`only ${ofCore.join(' and ')} of the core`] : []
      return row(`\`packages/${product}\``, what, [...few, ...uses], doors)
    }),
  ].join('')
}

/** Returns the table of CONTRIBUTING.md: a line for each folder, which may be several rooms. */
function foldersTable() {
  const rows = new Map()
  for (const { room, what } of core) {
    if (what === undefined || room.endsWith('.ts')) continue
    const folder = `src/${room.split('/')[0]}`
    rows.set(folder, [...(rows.get(folder) ?? []), what])
  }
  for (const { product, what } of products) {
    rows.set(`packages/${product}`, [what])
  }
  return Array.from(rows, ([folder, what]) => `| \`${folder}\` | ${what.join('; ')} |\n`).join('')
}

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
    // The doors of kit are drawn in the rooms behind them.
    'docs/pictures/doors.svg': roomsPicture(
      roomsWithDoors().filter(({ room }) => room !== 'kit'),
      packagesWithDoors(),
    ),
    'docs/internals.md': withRows(
      'docs/internals.md',
      roomsTable().replaceAll('](docs/', '](').replaceAll('](packages/', '](../packages/'),
    ),
    'CONTRIBUTING.md': withRows('CONTRIBUTING.md', foldersTable()),
  }
}

if (process.argv[1] === import.meta.filename) {
  readOptions()
  for (const [path, text] of Object.entries(generatedFiles())) {
    writeFileSync(join(root, path), text)
  }
}
