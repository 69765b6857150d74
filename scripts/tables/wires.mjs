/** The tables of docs/wires.md. */
import { cell, linked, table } from '../blocks.mjs'

const code = text => `\`${cell(text)}\``

/** A table below each heading, in which a link can lead to each word: `#loss`. */
export function wordsTables({ WORDS }) {
  const seen = new Set()
  const anchors = words =>
    words
      .map(word => /^[a-z0-9_]+/.exec(word)?.[0])
      .filter(word => word !== undefined && !seen.has(word) && seen.add(word))
      .map(word => `<a id="${word}"></a>`)
      .join('')
  const sections = Object.entries(WORDS).map(([heading, all]) => {
    const rows = all.map(({ text, what, byDefault = '', examples: [example] }) => {
      const words = text.split(/, (?=[a-zA-Z0-9])/)
      const named = anchors(words) + words.map(code).join(', ')
      return [named, cell(what), cell(byDefault), code(example)]
    })
    return `### ${heading}\n\n${table(['words', 'what it does', 'default', 'example'], rows)}`
  })
  return linked(sections.join('\n\n'), {
    'At most 64': '#order-and-groups',
    'trace in CSV': 'wires-links.md#links-over-time',
    'links over time': 'wires-links.md#links-that-are-drawn',
    'byte N of the payload': 'wires-bytes.md',
    'the table below': '#presets',
    'stage of your own': 'write-a-wire.md',
  })
}

export function presetsTable({ PRESETS }, { PRESET_SOURCES }) {
  const rows = [...PRESETS].map(([name, { up, down }]) => [
    code(name),
    code(up),
    code(down),
    cell(PRESET_SOURCES[name]),
  ])
  return table(['name', 'up', 'down', 'source'], rows)
}
