/** The tables of docs/json.md. */
import { cell, linked, table } from '../blocks.mjs'

const code = text => `\`${text}\``
const codes = text => text.split(', ').map(code).join(', ')
const commandOf = ({ command, when }) => {
  const name = /^(an?|the) /.test(command) ? command : code(command)
  return when === undefined ? name : `${name}, ${when}`
}

/** The fields that mean the same everywhere. */
export const commonFields = ({ COMMON }) =>
  linked(
    table(
      ['field', 'value'],
      Object.entries(COMMON).map(([name, value]) => [code(name), cell(value)]),
    ),
    {
      'has not returned': 'running.md#javascript-that-does-not-return',
      'passed without the wire': 'statistics.md#passed-without-the-wire',
    },
  )

/** The objects, with the names of their fields. */
export const outputs = ({ OUTPUTS }) =>
  table(
    ['command', '`event`', 'fields'],
    OUTPUTS.map(output => [
      commandOf(output),
      /^[a-z]+$/.test(output.event) ? code(output.event) : output.event,
      Object.keys(output.fields).map(codes).join(', '),
    ]),
  )

/** The values of fields with a meaning of their own, and the objects in them. */
export function fieldValues({ OUTPUTS, PARTS }) {
  const rows = OUTPUTS.flatMap(output =>
    Object.entries(output.fields)
      .filter(([, value]) => value !== '')
      .map(([name, value]) => [commandOf(output), codes(name), cell(value)]),
  )
  const parts = Object.entries(PARTS).map(([what, fields]) => {
    const values = Object.entries(fields).map(([name, value]) => [
      codes(name),
      value === '' ? 'as everywhere' : cell(value),
    ])
    return `${what}:\n\n${table(['field', 'value'], values)}`
  })
  const seen = new Set()
  const own = rows.map(([command, ...rest]) => {
    const shown = seen.has(command) ? '' : command
    seen.add(command)
    return [shown, ...rest]
  })
  return linked([table(['command', 'field', 'value'], own), ...parts].join('\n\n'), {
    'without their wire': 'containers.md#mistakes',
    'lost before vnet': 'statistics.md#lost-before-vnet',
    rtnl_link_stats64: 'statistics.md#fields',
    "vnet's own counters": 'statistics.md#other-counters',
    'each reason': 'statistics.md#reasons',
  })
}
