/** The picture of rooms and their doors keeps its layout, whatever rooms and doors there are. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { generatedFiles, packagesWithDoors, roomsWithDoors } from '../../scripts/generate-rooms.mjs'
import { products } from '../../scripts/rooms.mjs'
import { roomsPicture } from '../../scripts/rooms-picture.mjs'
import { Doors } from '../../scripts/setup/doors.mjs'

const door = (name: string, names: number, pure = true) => ({
  door: name,
  kit: name.startsWith('vnet/kit/'),
  names,
  pure,
})

const rooms = [
  { room: 'low', pure: true, packages: ['yaml'], doors: [door('vnet', 173)] },
  {
    room: 'middle',
    pure: true,
    doors: [door('vnet/wire', 61), door('vnet/kit/machine', 2, false)],
  },
  { room: 'system', doors: [door('vnet/kit/linux', 45, false)] },
  { room: 'a/room/of/a/long/name', doors: [] },
  {
    room: 'crowded',
    doors: Array.from({ length: 12 }, (_, i) => door(`vnet/kit/door${i}`, 10 ** (i % 3))),
  },
]
const packages = [
  { product: 'one', uses: [], doors: [] },
  { product: 'clean', pure: true, ofCore: ['low', 'middle'], uses: [], doors: [] },
  {
    product: 'two',
    uses: ['one', 'another', 'a-third', 'a-fourth', 'a-fifth'],
    doors: [
      { door: '@vnet/two', kit: false, names: 64 },
      { door: '@vnet/two/kit', kit: true, names: 8 },
    ],
  },
]

interface Shape {
  readonly kind: string
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  readonly content: string
}

/** The doors of a picture, from the top, and its other texts. */
function shapesOf(svg: string): { doors: Shape[]; texts: Shape[] } {
  const number = '(-?[\\d.]+)'
  const doors = svg.matchAll(
    new RegExp(
      `<g class="door (.*)">\\n?<rect x="${number}" y="${number}" width="${number}" height="${number}" rx="4"/>\\n?<text x="${number}" y="${number}">(.*)</text></g>`,
      'g',
    ),
  )
  const texts = svg.matchAll(
    new RegExp(`<text class="(.*?)" x="${number}" y="${number}">(.*)</text>`, 'g'),
  )
  return {
    doors: [...doors].map(([, kind = '', x, y, width, height, , , label = '']) => ({
      kind,
      x: Number(x),
      y: Number(y),
      width: Number(width),
      height: Number(height),
      content: label.replace(/<.*?>/g, ''),
    })),
    texts: [...texts].map(([, kind = '', x, y, content = '']) => ({
      kind,
      x: Number(x),
      y: Number(y) - 10,
      width: content.length * (kind === 'room' ? 7.3 : 7),
      height: 13,
      content,
    })),
  }
}

const overlap = (a: Shape, b: Shape) =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height

test.each([
  ['rooms of the tree', roomsWithDoors(), packagesWithDoors()],
  ['other rooms', rooms, packages],
])('no door and no text of a picture of %s covers another, or leaves its box', (_, all, above) => {
  const svg = roomsPicture(all, above)
  const { doors, texts } = shapesOf(svg)
  expect(doors.length).toBeGreaterThan(all.length)
  const shapes = [...doors, ...texts]
  const covered = shapes.flatMap((a, i) =>
    shapes.slice(i + 1).flatMap(b => (overlap(a, b) ? [`${a.content}, ${b.content}`] : [])),
  )
  expect(covered).toEqual([])
  const [, height] = /viewBox="0 0 688 (\d+)"/.exec(svg) ?? []
  for (const { x, y, width, content, height: own } of shapes) {
    expect(x + width, content).toBeLessThanOrEqual(676)
    expect(y + own, content).toBeLessThanOrEqual(Number(height) - 12)
  }
  for (const { width, content } of doors) {
    expect(width).toBeGreaterThanOrEqual(content.length * 6.63 + 12)
  }
})

test('a picture has packages above doors above rooms, the lowest room at the bottom', () => {
  const names = shapesOf(roomsPicture(rooms, packages))
    .texts.filter(({ kind }) => kind === 'room' || kind === 'words name')
    .map(({ content }) => content)
  expect(names).toEqual([
    ...['packages', 'two', 'clean', 'one', 'doors', 'core'],
    ...['crowded', 'a/room/of/a/long/name', 'system', 'middle', 'low'],
  ])
})

test('a door is public or of kit, and dashed in a pure room if some of its names need Node', () => {
  const { doors } = shapesOf(roomsPicture(rooms, packages))
  expect(Object.fromEntries(doors.map(({ content, kind }) => [content, kind]))).toMatchObject({
    '@vnet/two 64': 'public',
    '@vnet/two/kit 8': 'kit',
    'vnet 173': 'public',
    'vnet/wire 61': 'public',
    'kit/machine 2': 'kit system',
    'kit/linux 45': 'kit',
  })
})

test('neighbours that may use the same share a brace with its words', () => {
  const svg = roomsPicture(rooms, packages)
  const groups = [...svg.matchAll(/<path class="brace".*\n((?:<text.*\n)*)/g)].map(
    ([, words = '']) => words.replace(/<.*?>/g, '').trim().replaceAll('\n', ' '),
  )
  expect(groups).toEqual([
    'doors, one, another, a-third, a-fourth, a-fifth',
    'pure: only low, middle',
    'doors',
    'Node, rooms beneath',
    'pure: only pure rooms beneath',
    'pure: only yaml',
  ])
  expect(svg.match(/class="stripe"/g)).toHaveLength(3)
  expect(svg.match(/<g class="pure">/g)).toHaveLength(3)
})

test('each name of a door is counted in one room, which declares it', () => {
  const found = roomsWithDoors()
  const counts = new Map<string, number>()
  for (const { door, names } of found.flatMap(({ doors }) => doors)) {
    counts.set(door, (counts.get(door) ?? 0) + names)
  }
  const doors = new Doors(resolve('.'))
  const names = (doors.packages.get('vnet') as string[]).map(door => [
    door,
    doors.exportsOf(doors.pathOf(door)).size,
  ])
  expect(Object.fromEntries(counts)).toEqual(Object.fromEntries(names))
  const doorsOf = (room: string) => found.find(each => each.room === room)?.doors ?? []
  expect(doorsOf('base').map(({ door }) => door)).toEqual(
    expect.arrayContaining(['vnet', 'vnet/kit/base']),
  )
  const machine = { door: 'vnet/kit/machine', kit: true, pure: false }
  expect(doorsOf('wire')).toContainEqual(expect.objectContaining(machine))
  expect(doorsOf('cli').filter(({ kit, pure }) => !kit || pure)).toEqual([])
})

test('packages have the doors of their manifests, and use what the table says', () => {
  const found = packagesWithDoors()
  expect(found.map(({ product }) => product)).toEqual(products.map(({ product }) => product))
  const of = (name: string) => found.find(({ product }) => product === name)
  const doorsOf = (name: string) =>
    of(name)?.doors.map(({ door, kit }: { door: string; kit: boolean }) => [door, kit])
  expect(doorsOf('lab')).toEqual(
    expect.arrayContaining([
      ['@vnet/lab', false],
      ['@vnet/lab/vitest', false],
    ]),
  )
  expect(doorsOf('guest')).toEqual([['@vnet/guest/kit', true]])
  expect(doorsOf('exec')).toEqual([])
  expect(of('lab')?.uses).toEqual(expect.arrayContaining(['lan', 'guest', 'inet']))
  expect(of('learn')?.uses).toContain('playground: inet and web')
  expect(of('inet')).toMatchObject({ pure: true, ofCore: ['base', 'packet'], uses: [] })
})

test.each(Object.entries(generatedFiles()))(
  '%s follows from scripts/rooms.mjs and the doors: npm run generate writes it',
  (path, text) => {
    expect(readFileSync(path, 'utf8')).toBe(text)
  },
)
