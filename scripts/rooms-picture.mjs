/**
 * Draws the rooms of the core and the packages above them as an SVG: a line for each, with its
 * doors and what it may use. A line is as high as its doors and words need.
 */
import { figureStyle } from './palette.mjs'

/** The width of the text on the site, where the picture is as large as it says. */
const WIDTH = 688
const MARGIN = 12
/** The columns: rooms, their doors, and what they may use. */
const [ROOM, DOORS, USES] = [28, 156, 542]
const DOORS_END = USES - 16
/** Pixels of a character of 11 and of 12 pixels with a fixed width, and characters of the words. */
const [DOOR_CHARACTER, WORDS] = [6.7, 19]
/** Heights of a door, of a line of doors, of a line of words, and around the lines of a room. */
const [DOOR, DOOR_LINE, WORD_LINE, PAD] = [18, 22, 15, 5]
const HEAD = 30

/** Returns the SVG of rooms of the core and of packages, both from the lowest to the highest. */
export function roomsPicture(rooms, packages) {
  const top = section('packages', packages.map(packageLine).reverse(), MARGIN)
  const wall = doorsWall(top.end + 10)
  const bottom = section('core', rooms.map(roomLine).reverse(), wall.end + 10)
  const height = bottom.end + MARGIN
  const body = [...top.shapes, ...wall.shapes, ...bottom.shapes]
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="figure" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    '<title>The rooms of vnet, their doors, and what they may use</title>',
    `<style>${figureStyle('figure.css', 'doors.css')}</style>`,
    `<rect class="paper" width="${WIDTH}" height="${height}" rx="8"/>`,
    ...body,
    '</svg>\n',
  ].join('\n')
}

/** What a room may use, as words; the same words of neighbours are drawn once. */
function roomLine({ room, pure, packages = [], doors }, i) {
  const beneath = pure ? 'pure rooms beneath' : 'rooms beneath'
  const uses = [...(pure ? [] : ['Node']), ...(i === 0 ? [] : [beneath]), ...packages].join(', ')
  return {
    name: room,
    pure,
    doors: doors.map(each => ({ ...each, system: pure && !each.pure })),
    uses: pure ? `pure: only ${uses}` : uses,
  }
}

function packageLine({ product, doors, uses }) {
  return { name: product, doors, uses }
}

/** Returns the shapes of lines below a heading, from y on, and where they end. */
function section(heading, lines, y) {
  const groups = []
  let at = y + HEAD
  for (const line of lines) {
    const rows = doorRows(line.doors)
    const place = { ...line, rows, y: at, end: at + Math.max(rows.length, 1) * DOOR_LINE + PAD }
    const group = groups.at(-1)
    if (group?.uses === line.uses) {
      group.lines.push(place)
    } else {
      const words = wrapped(line.uses)
      // The next line may have other words.
      const isAlone = lines[lines.indexOf(line) + 1]?.uses !== line.uses
      place.end = Math.max(place.end, isAlone ? at + words.length * WORD_LINE + PAD : 0)
      groups.push({ uses: line.uses, words, lines: [place] })
    }
    at = place.end
  }
  const end = at + 6
  const shapes = [
    `<rect class="box" x="${MARGIN}" y="${y}" width="${WIDTH - 2 * MARGIN}" height="${end - y}" rx="4"/>`,
    text(ROOM, y + 20, heading, 'words name'),
    text(DOORS, y + 20, 'offers', 'words muted'),
    text(USES, y + 20, 'may use', 'words muted'),
    ...groups.flatMap(group => [...group.lines.flatMap(lineShapes), ...usesShapes(group)]),
  ]
  return { shapes, end }
}

function lineShapes({ name, pure, rows, y, end }) {
  const middle = y + (DOOR_LINE + PAD) / 2
  return [
    `<path class="rule" d="M${MARGIN + 1} ${y}H${DOORS_END}"/>`,
    ...(pure
      ? [
          `<rect class="stripe" x="${MARGIN + 6}" y="${y + 5}" width="4" height="${end - y - 9}" rx="2"/>`,
        ]
      : []),
    text(ROOM, middle, name, 'room'),
    ...rows.flatMap((doors, i) => doors.map(door => doorShape(door, middle + i * DOOR_LINE))),
    ...(rows.length === 0 ? [text(DOORS, middle, 'no door', 'words muted')] : []),
  ]
}

/** Returns the doors of a room in lines that fit, each with its place. */
function doorRows(doors) {
  const rows = []
  let x = DOORS_END
  for (const door of doors) {
    const name = door.door.replace(/^vnet\/kit\//, 'kit/')
    const label = door.names === undefined ? name : `${name} ${door.names}`
    const width = Math.ceil(label.length * DOOR_CHARACTER) + 12
    if (x + width > DOORS_END) {
      rows.push([])
      x = DOORS
    }
    rows.at(-1).push({ ...door, name, x, width })
    x += width + 6
  }
  return rows
}

function doorShape({ name, names, x, width, kit, system }, middle) {
  const kinds = ['door', kit ? 'kit' : 'public', ...(system ? ['system'] : [])]
  const count = names === undefined ? '' : ` <tspan class="count">${names}</tspan>`
  return [
    `<g class="${kinds.join(' ')}">`,
    `<rect x="${x}" y="${middle - DOOR / 2}" width="${width}" height="${DOOR}" rx="4"/>`,
    `<text x="${x + 6}" y="${middle + 4}">${name}${count}</text></g>`,
  ].join('')
}

/** Returns a brace around lines, and what these may use. */
function usesShapes({ words, lines }) {
  const [y, end] = [lines[0].y, lines.at(-1).end]
  const first = (y + end) / 2 - ((words.length - 1) * WORD_LINE) / 2
  const x = USES - 8
  return [
    `<g${lines[0].pure ? ' class="pure"' : ''}>`,
    `<path class="brace" d="M${x - 4} ${y + 5}H${x}V${end - 4}H${x - 4}"/>`,
    ...words.map((line, i) => text(USES, first + i * WORD_LINE, line, 'words')),
    '</g>',
  ]
}

/** Returns words in lines of at most WORDS characters. */
function wrapped(words) {
  const lines = ['']
  for (const word of words.split(' ')) {
    const longer = `${lines.at(-1)} ${word}`.trim()
    if (longer.length <= WORDS || lines.at(-1) === '') {
      lines[lines.length - 1] = longer
    } else {
      lines.push(word)
    }
  }
  return lines
}

/** Returns the wall between the packages and the core, which explains doors. */
function doorsWall(y) {
  const [first, second, third] = [y + 20, y + 44, y + 68]
  const end = y + 88
  const door = (kind, name, x, middle) => doorShape({ ...kind, name, x, width: 78 }, middle)
  return {
    shapes: [
      `<rect class="wall" x="${MARGIN}" y="${y}" width="${WIDTH - 2 * MARGIN}" height="${end - y}" rx="4"/>`,
      text(ROOM, first, 'doors', 'words name'),
      door({}, 'vnet/NAME', DOORS, first),
      text(DOORS + 88, first, 'public: what programs may import', 'words'),
      door({ kit: true }, 'kit/NAME', DOORS, second),
      text(DOORS + 88, second, 'vnet/kit/NAME: for the packages of this repository only', 'words'),
      door({ kit: true, system: true }, 'NAME 9', DOORS, third),
      text(DOORS + 88, third, 'so many names come from the room; dashed: some need Node', 'words'),
    ],
    end,
  }
}

/** Returns a text whose middle is at y. */
function text(x, y, content, kind) {
  return `<text class="${kind}" x="${x}" y="${y + 4}">${content}</text>`
}
