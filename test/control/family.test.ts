/** docs/vnet_nl.yaml: it keeps the rules of the kernel's YNL form, and src/control is what it makes. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { familySource } from '../../scripts/generate-family.mjs'
import * as family from '../../src/control/family.ts'
import { linkStats64Fields } from '../../src/core/stats.ts'
import { complaints } from '../support/ynl-rules.ts'

const text = readFileSync(new URL('../../docs/vnet_nl.yaml', import.meta.url), 'utf8')
const generated = new URL('../../src/control/family.generated.ts', import.meta.url)

test('src/control/family.generated.ts is what scripts/generate-family.mjs makes of it', () => {
  expect(readFileSync(generated, 'utf8')).toBe(familySource(text))
})

test('it keeps the rules of the form', () => {
  expect(complaints(parse(text))).toEqual([])
})

/** The specification with one thing changed. */
function broken(find: string, put: string): unknown {
  expect(text).toContain(find)
  return parse(text.replace(find, put))
}

test.each([
  ['name: vnet_nl', 'nam: vnet_nl', ['unknown key nam', 'name is missing']],
  ['type: u32', 'type: u33', ['attribute-sets vnet ifindex: unknown type u33']],
  ['name: held\n', 'name: requeues\n', expect.arrayContaining(['attribute-sets vnet: requeues twice'])],
  ['nested-attributes: drop', 'nested-attributes: drips', ['attribute-sets vnet drops: there is no set drips']],
  ['enum: way', 'enum: ways', ['attribute-sets drop way: there is no enum ways']],
  ['name: mtu\n', 'name: mtu\n        value: 3\n', expect.arrayContaining(['attribute-sets vnet: number 3 twice'])],
  ['max-len: netns-max', 'max-len: netns-mix', ['attribute-sets vnet netns: there is no constant netns-mix']],
  ['max-len: netns-max', 'most: 5', ['attribute-sets vnet netns checks: unknown key most']],
  ['attributes: [ text ]', 'attributes: [ txt ]', ['operations echo: there is no attribute txt']],
  ['mcgrp: events', 'mcgrp: event', ['operations event: there is no group event']],
  [
    'doc: The text back, octet for octet.',
    'note: x',
    ['operations echo: unknown key note', 'operations echo: doc is missing'],
  ],
  ['flags: [ admin-perm ]', 'flags: [ root ]', ['operations reset-stats: unknown flag root']],
  ['name: ioctl-cmd', 'name: ioctl_cmd', expect.arrayContaining(['attribute-sets vnet: ioctl_cmd is no name'])],
])('%j for %j would be told', (find, put, told) => {
  expect(complaints(broken(find, put))).toEqual(told)
})

test.each([
  ['type: flag\n', 'type: pad\n', 'param-live: the codec has no type pad'],
  ['type: u32\n', 'type: u32\n        checks:\n          max: 5\n', 'ifindex: max is not kept'],
  ['attributes: [ text ]', 'attributes: [ txt ]', 'echo: there is no attribute txt in echo'],
  ['max-len: netns-max', 'max-len: netns-mix', 'netns-mix: there is no such constant'],
])('what the codec cannot keep is refused: %j for %j', (find, put, message) => {
  expect(() => familySource(text.replace(find, put))).toThrow(message)
})

test('its statistics are those of the core, in their order', () => {
  const { fields } = family.linkStatsPolicy
  expect(Object.entries(fields).map(([name, { type }]) => [name, type])).toEqual(
    linkStats64Fields.map((name, i) => [name, i + 1]),
  )
})

describe('the numbers that programs are built with', () => {
  test('commands', () => {
    const commands = Object.entries(family).filter(([name]) => name.startsWith('VNET_CMD_'))
    const names = [
      'ECHO',
      'GET_DEVICES',
      'GET_STATS',
      'RESET_STATS',
      'SET_CARRIER',
      'GET_PARAM',
      'SET_PARAM',
      'TRIGGER',
    ]
    expect(Object.fromEntries(commands)).toEqual(
      Object.fromEntries([
        ...[...names, 'IOCTL', 'SUBSCRIBE', 'EVENT'].map((name, i) => [`VNET_CMD_${name}`, i + 1]),
        ['VNET_CMD_GET_SEGMENT', 13],
      ]),
    )
  })

  test('attributes', () => {
    const { VNET_ATTR_GRO_MERGED, VNET_ATTR_PARAM_NAME, VNET_ATTR_CARRIER, VNET_ATTR_IOCTL_CMD } = family
    expect([VNET_ATTR_GRO_MERGED, VNET_ATTR_PARAM_NAME, VNET_ATTR_CARRIER, VNET_ATTR_IOCTL_CMD]).toEqual([
      14, 15, 21, 23,
    ])
    const { VNET_ATTR_EVENT, VNET_ATTR_DROPPED, VNET_ATTR_DRIVER, VNET_ATTR_MAX, VNET_ECHO_ATTR_TEXT } = family
    expect([VNET_ATTR_EVENT, VNET_ATTR_DROPPED, VNET_ATTR_DRIVER, VNET_ATTR_MAX]).toEqual([28, 31, 35, 45])
    expect(VNET_ECHO_ATTR_TEXT).toBe(1)
  })

  test('name, version, events', () => {
    expect([family.VNET_GENL_NAME, family.VNET_GENL_VERSION]).toEqual(['vnet_nl', 1])
    expect([family.VNET_GENL_ID, family.VNET_MCGRP_EVENTS]).toEqual([0x3f0, 0x766e6574])
    expect([family.VNET_EVENT_REGISTERED, family.VNET_EVENT_DROPS, family.VNET_EVENTS_ALL]).toEqual([1, 6, 0x7e])
    expect([family.VNET_DROP_TX, family.VNET_DROP_RX, family.VNET_SCOPE_QUEUE]).toEqual([0, 1, 1])
  })
})
