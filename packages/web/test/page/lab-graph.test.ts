/** The topology of labs, and the places of its hosts and links. */
import { expect, test } from 'vitest'
import type { DeviceRow } from '../../src/feed-types.ts'
import { BOX, type Lab, labsOf, layoutLab } from '../../src/page/lab-graph.ts'
import { deviceRow } from '../support/web/devices.ts'

/** An interface of a lab; without a peer it is a port of a segment. */
function end(lab: string, host: string, name: string, peer?: string, segment?: string): DeviceRow {
  const given = peer === undefined ? undefined : `${lab}:${peer}`
  const isRouter = host === 'home'
  return deviceRow(`1/${lab}:${host}/${name}`, {
    peer: given,
    lab: { name: lab, host, isRouter, segment },
  })
}

const cable = (a: string, b: string, n = '') => [
  end('net', a, `${b}${n}`, `${b}/${a}${n}`),
  end('net', b, `${a}${n}`, `${a}/${b}${n}`),
]
const port = (host: string, segment = 'wifi') => end('net', host, 'lan', undefined, segment)
const labs = (...devices: readonly DeviceRow[]) => labsOf([{ pid: 1, driver: 'lab', devices }])

/** `client-home` for each link. */
const namesOf = ({ links }: Lab) => links.map(({ from, to }) => `${from.name}-${to.name}`)

/** The names of each column, from above. */
function columnsOf(lab: Lab): string[][] {
  const columns = new Map<number, string[]>()
  const { boxes } = layoutLab(lab)
  const sorted = [...boxes].sort((a, b) => a.x - b.x || a.y - b.y)
  for (const { x, node } of sorted) {
    columns.set(x, [...(columns.get(x) ?? []), node.name])
  }
  return [...columns.values()]
}

test('each cable of a lab is one link, and each port leads to its segment', () => {
  const [lab] = labs(...cable('client', 'home'), port('client'), port('tv'))
  expect(lab!.nodes.map(({ name }) => name)).toEqual(['client', 'home', 'wifi', 'tv'])
  expect(namesOf(lab!)).toEqual(['client-home', 'client-wifi', 'tv-wifi'])
  expect(lab!.links[0]!.peer?.label).toBe('net:home/client')
})

test('a router, a host and a segment of its name are three kinds of nodes', () => {
  const [lab] = labs(...cable('client', 'home'), port('home', 'client'), port('tv', 'office'))
  expect(lab!.nodes.map(({ name, kind }) => `${kind} ${name}`)).toEqual([
    'host client',
    'router home',
    'segment client',
    'host tv',
    'segment office',
  ])
})

test('interfaces that are in no lab are not drawn', () => {
  expect(labs(deviceRow('1//sn0'))).toEqual([])
})

test('a cable is not drawn if its other end is closed', () => {
  const [first] = cable('client', 'home')
  expect(labs(first!).map(namesOf)).toEqual([[]])
})

test('labs are sorted by their names, and their links are apart', () => {
  const [other] = [end('early', 'a', 'b', 'b/a'), end('early', 'b', 'a', 'a/b')]
  expect(labs(...cable('x', 'y'), other!).map(({ name }) => name)).toEqual(['early', 'net'])
})

test('a path leads from left to right, a column for each host', () => {
  const [lab] = labs(
    ...cable('home', 'internet'),
    ...cable('client', 'home'),
    ...cable('internet', 'server'),
  )
  expect(columnsOf(lab!)).toEqual([['server'], ['internet'], ['home'], ['client']])
})

test('hosts without a path between them are below each other', () => {
  const { boxes, height } = layoutLab(labs(...cable('a', 'b'), ...cable('c', 'd'))[0]!)
  const yOf = (name: string) => boxes.find(({ node }) => node.name === name)!.y
  expect(yOf('c')).toBeGreaterThan(yOf('a') + BOX.height)
  expect(height).toBeGreaterThan(yOf('c') + BOX.height)
})

test('200 hosts at one router have boxes and texts that do not overlap', () => {
  const names = Array.from({ length: 200 }, (_, i) => `host${i}`)
  const { boxes, lines, width, height } = layoutLab(
    labs(...names.flatMap(name => cable(name, 'hub')))[0]!,
  )
  const places = boxes.map(({ x, y }) => `${x} ${Math.round(y / BOX.height)}`)
  expect(new Set(places).size).toBe(201)
  const heights = lines.map(({ x, y }) => [x, y]).sort(([a, b], [c, d]) => a! - c! || b! - d!)
  for (const [i, [x, y]] of heights.entries()) {
    const before = heights[i - 1]
    if (before?.[0] === x) {
      expect(y! - before![1]!).toBeGreaterThan(16)
    }
  }
  expect(width).toBeLessThan(800)
  expect(height).toBeLessThan(200 * 50)
})

test('the texts of links that cross are apart', () => {
  const spokes = [0, 1, 2, 3, 4, 5].flatMap(i => cable(`host${i}`, 'hub'))
  const { lines } = layoutLab(labs(...spokes, port('host0'), port('host1'))[0]!)
  for (const [i, a] of lines.entries()) {
    for (const b of lines.slice(0, i)) {
      expect(Math.abs(a.x - b.x) >= 40 || Math.abs(a.y - b.y) >= 16).toBe(true)
    }
  }
})

test('two cables between the same hosts are drawn apart', () => {
  const { lines } = layoutLab(labs(...cable('a', 'b'), ...cable('a', 'b', '2'))[0]!)
  expect(Math.abs(lines[0]!.y - lines[1]!.y)).toBeGreaterThan(16)
})

test('a link between hosts of one column is drawn beside them, inside the drawing', () => {
  const lab = labs(...cable('a', 'b'), ...cable('b', 'c'), ...cable('c', 'a'))[0]!
  const { lines, boxes, width } = layoutLab(lab)
  const xOf = (name: string) => boxes.find(({ node }) => node.name === name)!.x
  const inColumn = lines.find(({ link }) => xOf(link.from.name) === xOf(link.to.name))!
  expect(inColumn.x).toBeGreaterThan(xOf(inColumn.link.from.name) + BOX.width)
  expect(inColumn.x + 40).toBeLessThan(width)
})
