/** Draws a topology as a flowchart of Mermaid (https://mermaid.js.org/syntax/flowchart.html). */
import type { Topology } from '../network/topology.ts'
import type { WireSpec } from '../world/wire-spec.ts'

export function graph({ hosts, routers = {}, cables = {}, lans = {} }: Topology): string {
  const shown = new Map<string, string>()
  const node = (key: string, [open, close]: readonly [string, string], text: string) => {
    shown.set(key, `n${shown.size}`)
    return `${shown.get(key)}${open}${quoted(text)}${close}`
  }
  const join = (a: string, b: string, label = '') =>
    `${shown.get(a)} ---${label === '' ? '' : `|${quoted(label)}|`} ${shown.get(b)}`
  const nodes = [
    ...hosts.map(name => node(name, ['[', ']'], name)),
    ...Object.entries(routers).map(([name, { preset, nat, firewall }]) =>
      node(
        name,
        ['{{', '}}'],
        lines(name, preset && `preset ${preset}`, nat && `nat ${nat}`, firewall && `firewall ${firewall}`),
      ),
    ),
    ...Object.entries(lans).map(([name, { network }]) => node(`lan ${name}`, ['([', '])'], lines(name, network))),
  ]
  const links = [
    ...Object.entries(routers).flatMap(([name, { inside = [], outside, wire }]) => [
      ...inside.map(host => join(host, name, lines(...wireText(wire)))),
      ...(outside === undefined ? [] : [join(name, outside, lines(...wireText(wire)))]),
    ]),
    ...Object.entries(cables).map(
      ([
        name,
        {
          ends: [a, b],
          wire,
        },
      ]) => join(a, b, lines(name, ...wireText(wire))),
    ),
    ...Object.entries(lans).flatMap(([name, { ports, wire }]) =>
      ports.map(host => join(host, `lan ${name}`, lines(...wireText(wire)))),
    ),
  ]
  return ['flowchart LR', ...[...nodes, ...links].map(line => `  ${line}`), ''].join('\n')
}

function wireText(wire: WireSpec = ''): string[] {
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
