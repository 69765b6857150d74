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
import { Doors, isKit } from './setup/doors.mjs'

const root = resolve(import.meta.dirname, '..')
/** The doors of the core and the packages. */
const tree = new Doors(root)

/**
 * Returns the rooms of the core that have a text, each with the doors through which it offers
 * names: how many, and whether all of these are pure.
 */
export function roomsWithDoors() {
  const offered = tree.packages.get('vnet').flatMap(door =>
    [...tree.exportsOf(tree.pathOf(door)).values()].map(({ file }) => {
      const name = tree.nameOf(file)
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
      kit: isKit(door),
      names: names.length,
      pure: names.every(({ pure }) => pure),
    }
  })
  return doors.sort(
    (a, b) => a.kit - b.kit || b.names - a.names || a.door.localeCompare(b.door, 'en'),
  )
}

/** Returns the packages with their doors, and what they may use of the core and of each other. */
export function packagesWithDoors() {
  return products.map(({ product, what, uses = [], ofCore, rooms }) => {
    const ofRooms = rooms
      .filter(each => each.uses !== undefined)
      .map(({ room, uses }) => `${room.replace(/^.*\//, '')}: ${uses.join(' and ')}`)
    return {
      product,
      pure: rooms.every(({ pure }) => pure),
      what,
      doors: tree.packages.get(`@vnet/${product}`).map(door => ({
        door,
        kit: isKit(door),
        names: tree.exportsOf(tree.pathOf(door)).size,
      })),
      ofCore,
      uses: [...uses, ...ofRooms],
    }
  })
}

/** Returns the table of docs/internals.md: a line for each room of the core, and each package. */
function roomsTable() {
  const quoted = names => names.map(name => `\`${name}\``)
  const row = ({ path, pure, what, uses, doors }) => {
    const all = uses.length > 0 ? `${what}; it may use ${uses.join(', ')}` : what
    const names = quoted(doors.map(({ door }) => door)).join(', ')
    return `| \`${path}\`${pure ? ', pure' : ''} | ${all} | ${names} |\n`
  }
  const rooms = roomsWithDoors().map(({ room, packages = [], ...rest }) =>
    row({ ...rest, path: `src/${room}`, uses: quoted(packages) }),
  )
  const packages = packagesWithDoors().map(({ product, ofCore, uses, ...rest }) => {
    const few = ofCore ? [`only ${ofCore.join(' and ')} of the core`] : []
    return row({ ...rest, path: `packages/${product}`, uses: [...few, ...uses] })
  })
  return [...rooms, ...packages].join('')
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
