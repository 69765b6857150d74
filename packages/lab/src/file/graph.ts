/** Draws a topology as a flowchart of Mermaid (https://mermaid.js.org/syntax/flowchart.html). */
import type { Topology } from '../network/topology.ts'
import type { WireSpec } from '../world/wire-spec.ts'

/** What stands before and after the text of a node: a box, a hexagon, round ends. */
const HOST = ['[', ']'] as const
const ROUTER = ['{{', '}}'] as const
const LAN = ['([', '])'] as const

/** Returns the lines of the flowchart: hosts, routers and segments, then the links between them. */
export function graph({ hosts, routers = {}, cables = {}, lans = {} }: Topology): string {
  const ids = new Map<string, string>()
  const node = (key: string, [open, close]: readonly [string, string], text: string) => {
    const id = `n${ids.size}`
    ids.set(key, id)
    return `${id}${open}${quoted(text)}${close}`
  }
  const link = (a: string, b: string, label: string) =>
    `${ids.get(a)} ---${label === '' ? '' : `|${quoted(label)}|`} ${ids.get(b)}`
  const nodes = [
    ...hosts.map(name => node(name, HOST, name)),
    ...Object.entries(routers).map(([name, { preset, nat, firewall }]) => {
      const kinds = [
        preset && `preset ${preset}`,
        nat && `nat ${nat}`,
        firewall && `firewall ${firewall}`,
      ]
      return node(name, ROUTER, lines(name, ...kinds))
    }),
    ...Object.entries(lans).map(([name, { network }]) =>
      node(lanKey(name), LAN, lines(name, network)),
    ),
  ]
  const links = [
    ...Object.entries(routers).flatMap(([name, { inside = [], outside, wire }]) => {
      const label = lines(...wireTexts(wire))
      const own = inside.map(host => link(host, name, label))
      return outside === undefined ? own : [...own, link(name, outside, label)]
    }),
    ...Object.entries(cables).map(([name, { ends, wire }]) => {
      const [a, b] = ends
      return link(a, b, lines(name, ...wireTexts(wire)))
    }),
    ...Object.entries(lans).flatMap(([name, { ports, wire }]) => {
      const label = lines(...wireTexts(wire))
      return ports.map(host => link(host, lanKey(name), label))
    }),
  ]
  return ['flowchart LR', ...[...nodes, ...links].map(line => `  ${line}`), ''].join('\n')
}

/** A segment may have the name of a host. */
const lanKey = (name: string) => `lan ${name}`

function wireTexts(wire: WireSpec = ''): string[] {
  if (typeof wire === 'string') return [wire]
  return Object.entries(wire).map(([direction, text]) => `${direction}: ${text}`)
}

function lines(...texts: readonly (string | undefined)[]): string {
  return texts.filter(text => text !== undefined && text !== '').join('\n')
}

/** Mermaid uses HTML entities in quotes, and <br> between lines. */
function quoted(text: string): string {
  const escaped = text.replaceAll(/[&"<>#]/g, character => `#${character.charCodeAt(0)};`)
  return `"${escaped.replaceAll('\n', '<br>')}"`
}
