/**
 * Draws the rooms of the core and the packages above them as an SVG: a line for each, with its
 * doors and what it may use. A line is as high as its doors and words need.
 */
import { figureStyle } from './palette.mjs'

/** The width of the text on the site, where the picture is as large as it says. */
const WIDTH = 688
const MARGIN = 12
/** Where names of rooms start, and the words about what they may use. */
const [ROOM, USES] = [28, 542]
const DOORS_END = USES - 16
/** Pixels of a character in the name of a room, and in that of a door. */
const [ROOM_CHARACTER, DOOR_CHARACTER] = [7.3, 6.7]
/** The most characters of a line of words, in the room that is left for them. */
const WORDS = 17
/** Heights of a door, of a line of doors, of a line of words, and around the lines of a room. */
const [DOOR, DOOR_LINE, WORD_LINE, PAD] = [18, 22, 15, 5]
const HEAD = 30

/**
 * Returns the SVG of rooms of the core and of packages, both from the lowest to the highest.
 * @param {{ room: string, pure?: boolean, packages?: string[], doors: { door: string, kit: boolean,
 * names: number, pure: boolean }[] }[]} rooms
 * @param {{ product: string, pure?: boolean, ofCore?: string[] | undefined, uses: string[],
 * doors: { door: string, kit: boolean, names: number }[] }[]} packages
 */
export function roomsPicture(rooms, packages) {
  const upper = packages.map(packageLine).reverse()
  const lower = rooms.map(roomLine).reverse()
  const longest = Math.max(...[...upper, ...lower].map(({ name }) => name.length))
  const left = ROOM + Math.ceil(longest * ROOM_CHARACTER) + 12
  const top = section('packages', upper, left, MARGIN)
  const wall = doorsWall(left, top.end + 10)
  const bottom = section('core', lower, left, wall.end + 10)
  const height = bottom.end + MARGIN
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="figure" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    '<title>The rooms of vnet, their doors, and what they may use</title>',
    `<style>${figureStyle('figure.css', 'doors.css')}</style>`,
    `<rect class="paper" width="${WIDTH}" height="${height}" rx="8"/>`,
    ...[top, wall, bottom].flatMap(({ shapes }) => shapes),
    '</svg>\n',
  ].join('\n')
}

function roomLine({ room, pure, packages = [], doors }, i) {
  const beneath = pure ? 'pure rooms beneath' : 'rooms beneath'
  return {
    name: room,
    pure,
    doors: doors.map(each => ({ ...each, system: pure && !each.pure })),
    none: 'no door',
    uses: worded(pure, [...(pure ? [] : ['Node']), ...(i > 0 ? [beneath] : []), ...packages]),
  }
}

const packageLine = ({ product, pure, doors, uses, ofCore = ['doors'] }) => ({
  name: product,
  pure,
  doors,
  none: 'only commands',
  uses: worded(pure, [...ofCore, ...uses]),
})

const worded = (pure, uses) => `${pure ? 'pure: only ' : ''}${uses.join(', ')}`

/** Returns the shapes of a box with lines below a heading, from y on, and where it ends. */
function section(heading, lines, left, y) {
  const shapes = [
    text(ROOM, y + 20, heading, 'words name'),
    text(left, y + 20, 'offers', 'words muted'),
    text(USES, y + 20, 'may use', 'words muted'),
  ]
  let at = y + HEAD
  for (const group of grouped(lines)) {
    const start = at
    const words = wrapped(group[0].uses)
    for (const line of group) {
      const rows = doorRows(line.doors, left)
      const least = line === group.at(-1) ? start + words.length * WORD_LINE : at
      const end = Math.max(at + Math.max(rows.length, 1) * DOOR_LINE, least) + PAD
      shapes.push(...lineShapes(line, rows, left, at, end))
      at = end
    }
    shapes.push(...usesShapes(words, group[0].pure, start, at))
  }
  return { shapes: [box('box', y, at + 6), ...shapes], end: at + 6 }
}

/** Groups neighbours that may use the same. */
function grouped(lines) {
  const groups = []
  for (const line of lines) {
    if (groups.at(-1)?.[0].uses === line.uses) {
      groups.at(-1).push(line)
    } else {
      groups.push([line])
    }
  }
  return groups
}

/** Returns the name of a room with its doors, between y and `end`. */
function lineShapes({ name, pure, none }, rows, left, y, end) {
  const middle = y + (DOOR_LINE + PAD) / 2
  const stripe = `<path class="stripe" d="M${MARGIN + 8} ${y + 6}V${end - 5}"/>`
  return [
    `<path class="rule" d="M${MARGIN + 1} ${y}H${DOORS_END}"/>`,
    ...(pure ? [stripe] : []),
    text(ROOM, middle, name, 'room'),
    ...rows.flatMap((doors, i) => doors.map(door => doorShape(door, middle + i * DOOR_LINE))),
    ...(rows.length === 0 ? [text(left, middle, none, 'words muted')] : []),
  ]
}

/** Returns the doors of a room in rows that fit, each with its label and place. */
function doorRows(doors, left) {
  const rows = []
  let x = DOORS_END
  for (const { door, names, ...rest } of doors) {
    const label = `${door.replace(/^vnet\/kit\//, 'kit/')} ${names}`
    const width = Math.ceil(label.length * DOOR_CHARACTER) + 12
    if (x + width > DOORS_END) {
      rows.push([])
      x = left
    }
    rows.at(-1).push({ ...rest, label, x, width })
    x += width + 6
  }
  return rows
}

function doorShape({ label, x, width, kit, system }, middle) {
  const kinds = ['door', kit ? 'kit' : 'public', ...(system ? ['system'] : [])]
  // Only a kit's count has a color of its own.
  const text = kit ? label.replace(/ \d+$/, '<tspan class="count">$&</tspan>') : label
  return [
    `<g class="${kinds.join(' ')}">`,
    `<rect x="${x}" y="${middle - DOOR / 2}" width="${width}" height="${DOOR}" rx="4"/>`,
    `<text x="${x + 6}" y="${middle + 4}">${text}</text></g>`,
  ].join('')
}

/** Returns a brace around lines between y and `end`, and the words about what these may use. */
function usesShapes(words, pure, y, end) {
  const first = (y + end - (words.length - 1) * WORD_LINE) / 2
  const x = USES - 8
  return [
    `<g${pure ? ' class="pure"' : ''}>`,
    `<path class="brace" d="M${x - 4} ${y + 5}H${x}V${end - 4}H${x - 4}"/>`,
    ...words.map((line, i) => text(USES, first + i * WORD_LINE, line, 'words')),
    '</g>',
  ]
}

/** Returns a text in lines of at most WORDS characters, where its words are not longer. */
function wrapped(content) {
  const [first, ...rest] = content.split(' ')
  const lines = [first]
  for (const word of rest) {
    const longer = `${lines.at(-1)} ${word}`
    if (longer.length <= WORDS) {
      lines[lines.length - 1] = longer
    } else {
      lines.push(word)
    }
  }
  return lines
}

/** Returns the wall between the packages and the core, which explains doors, from y on. */
function doorsWall(left, y) {
  const [first, second, third, fourth] = [20, 44, 68, 92].map(down => y + down)
  const end = y + 112
  const door = (kinds, label, middle) => doorShape({ ...kinds, label, x: left, width: 76 }, middle)
  const words = (content, middle) => text(left + 86, middle, content, 'words')
  return {
    shapes: [
      box('wall', y, end),
      text(ROOM, first, 'doors', 'words name'),
      door({}, 'vnet/NAME', first),
      words('public: what programs import', first),
      door({ kit: true }, 'kit/NAME', second),
      words('vnet/kit/NAME: for the packages of this repository', second),
      door({ kit: true, system: true }, 'NAME 9', third),
      words('9 names of the room; dashed: some in files *.node.ts', third),
      text(left, fourth, 'pure', 'words pure'),
      words('no Node and no kernel, except in files *.node.ts', fourth),
    ],
    end,
  }
}

const box = (kind, y, end) =>
  `<rect class="${kind}" x="${MARGIN}" y="${y}" width="${WIDTH - 2 * MARGIN}" height="${end - y}" rx="4"/>`

/** Returns a text whose middle is at y. */
const text = (x, y, content, kind) =>
  `<text class="${kind}" x="${x}" y="${y + 4}">${content}</text>`
