/** The running labs: hosts, segments and links, with the rate and the drops of each link. */
import { signal } from '@preact/signals'
import { render } from 'preact'
import { formatNumber } from '../../base/quantity.ts'
import type { App, View } from './app.ts'
import { h } from './dom.ts'
import { clip, stateOf } from './driver-text.ts'
import { BOX, type Lab, type LabLink, type LinkLine, labsOf, layoutLab, type NodeBox } from './lab-graph.ts'
import { placeHash } from './place.ts'
import { Rates } from './rates.ts'

type RatesOf = Pick<Rates, 'of'>

export function labsView(app: App): View {
  const element = h('div', { class: 'labs stack' })
  const labs = signal<readonly Lab[]>([])
  const rates = new Rates()
  /** Replaced with each message of statistics. */
  const shownRates = signal<RatesOf>(rates)
  let isShown = false
  const update = () => {
    if (isShown) labs.value = labsOf(app.vnets)
  }
  render(<Labs labs={labs} rates={shownRates} />, element)
  return {
    name: 'labs',
    title: 'Labs',
    wants: [],
    element,
    receive(message) {
      if (message.type !== 'stats') return
      rates.receive(message)
      if (isShown && !document.hidden) shownRates.value = { of: id => rates.of(id) }
    },
    deviceChanged: update,
    shown() {
      isShown = true
      update()
    },
    hidden() {
      isShown = false
    },
  }
}

interface LabsProps {
  readonly labs: { readonly value: readonly Lab[] }
  readonly rates: { readonly value: RatesOf }
}

function Labs({ labs, rates }: LabsProps) {
  if (labs.value.length === 0) return <p class="muted">No lab is running. “vnet lab FILE” in a terminal starts one.</p>
  return labs.value.map(lab => <Drawing key={lab.name} lab={lab} rates={rates.value} />)
}

function Drawing({ lab, rates }: { readonly lab: Lab; readonly rates: RatesOf }) {
  const { boxes, lines, width, height } = layoutLab(lab)
  return (
    <section class="panel">
      <h2>{lab.name}</h2>
      <figure class="scroll" aria-label={`The links of ${lab.name}`}>
        <svg role="presentation" width={width} height={height}>
          {boxes.map(box => (
            <Node key={`${box.node.isSegment} ${box.x} ${box.y}`} {...box} />
          ))}
          {lines.map(line => (
            <Link key={line.link.device.id} {...line} rates={rates} />
          ))}
        </svg>
      </figure>
    </section>
  )
}

function Node({ node, x, y }: NodeBox) {
  const { name, isSegment } = node
  return (
    <g>
      <title>{name}</title>
      <rect x={x} y={y} width={BOX.width} height={BOX.height} rx={isSegment ? BOX.height / 2 : 4} />
      <text x={x + BOX.width / 2} y={y + BOX.height / 2 + 5} text-anchor="middle">
        {clip(name, BOX.width - 8)}
      </text>
    </g>
  )
}

function Link({ link, path, x, y, rates }: LinkLine & { readonly rates: RatesOf }) {
  const { device, peer } = link
  const [near, far] = [rates.of(device.id), peer && rates.of(peer.id)]
  const there = near?.txPackets ?? 0
  const back = (peer === undefined ? near?.rxPackets : far?.txPackets) ?? 0
  const drops = [near, far].reduce((all, each) => all + (each?.txDrops ?? 0) + (each?.rxDrops ?? 0), 0)
  const { text, tone } = stateOf(device)
  const isOk = tone === 'ok'
  const lost = drops > 0 ? `−${formatNumber(drops)}/s` : ''
  const shown = isOk ? `${formatNumber(there + back)}/s` : text
  return (
    <a href={placeHash({ view: 'driver', device: device.id })} class={isOk ? 'link' : 'link broken'}>
      <title>{titleOf(link, { there, back, drops, state: text })}</title>
      <path class="target" d={path} />
      <path class="line" d={path} />
      <text x={x} y={y + 4} text-anchor="middle">
        {shown} {lost && <tspan class="drops">{lost}</tspan>}
      </text>
    </a>
  )
}

interface LinkNumbers {
  /** Frames per second. */
  readonly there: number
  readonly back: number
  readonly drops: number
  readonly state: string
}

function titleOf({ from, to, device }: LabLink, { there, back, drops, state }: LinkNumbers): string {
  const [out, home, lost] = [there, back, drops].map(number => `${formatNumber(number)} frames/s`)
  return `${device.label}: ${from.name} to ${to.name} ${out}, back ${home}, dropped ${lost}, ${state}`
}
