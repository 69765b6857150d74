/** The table of packages/web/docs/metrics.md. */
import { cell, linked, table } from '../blocks.mjs'

const STATISTICS = '../../../docs/statistics.md'

/** The pages on what a help text names. */
const LINKS = {
  'without their wire': '../../../docs/containers.md#mistakes',
  'queue to vnet was full': `${STATISTICS}#lost-before-vnet`,
  'passed without the wire': `${STATISTICS}#passed-without-the-wire`,
  rtnl_link_stats64: `${STATISTICS}#fields`,
  'came to the stage': '../../../docs/wires.md',
  'vnet node': '../../../docs/containers.md',
}

export function metricsTable({ METRICS }) {
  const rows = Object.entries(METRICS).map(([name, { labels, help }]) => [
    `\`${name}\``,
    labels.join(', '),
    cell(help),
  ])
  return linked(table(['metric', 'labels', 'what it is'], rows), LINKS)
}
