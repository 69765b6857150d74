import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as flags from '#src/netdev/if.ts'
import { netdevFixFeatures } from '#src/netdev/register.ts'
import { forAll } from '#support/for-all.ts'

/** Returns the fixed features and the logged notices. */
function fix(features: number): [number, string[]] {
  const notices: string[] = []
  return [netdevFixFeatures(features, text => notices.push(text)), notices]
}

const CSUM_SG = flags.NETIF_F_HW_CSUM | flags.NETIF_F_SG
const PROTOCOL_CSUM = flags.NETIF_F_IP_CSUM | flags.NETIF_F_IPV6_CSUM
const ALL_TSO = flags.NETIF_F_TSO | flags.NETIF_F_TSO6 | flags.NETIF_F_TSO_ECN

test.each([
  0,
  flags.NETIF_F_HW_CSUM,
  flags.NETIF_F_IP_CSUM,
  flags.NETIF_F_IPV6_CSUM,
  PROTOCOL_CSUM,
  flags.NETIF_F_NO_CSUM,
])('features 0x%x are kept on their own', features => {
  expect(fix(features)).toEqual([features, []])
})

test.each([
  CSUM_SG,
  flags.NETIF_F_IP_CSUM | flags.NETIF_F_SG,
  flags.NETIF_F_NO_CSUM | flags.NETIF_F_SG | flags.NETIF_F_TSO,
  flags.NETIF_F_ALL_TAP,
  CSUM_SG | flags.NETIF_F_TSO6 | flags.NETIF_F_TSO_ECN,
  CSUM_SG | flags.NETIF_F_GSO_UDP_L4,
])('features 0x%x with NETIF_F_SG are kept, and add NETIF_F_GSO', features => {
  expect(fix(features)).toEqual([features | flags.NETIF_F_GSO, []])
})

describe('features that exclude each other are dropped and logged', () => {
  const HW_AND_IP = 'mixed HW and IP checksum settings.'
  const NO_AND_OTHER = 'mixed no checksumming and other settings.'
  const cases: [string, given: number, left: number, notices: string[]][] = [
    [
      'HW_CSUM with IP_CSUM',
      flags.NETIF_F_HW_CSUM | flags.NETIF_F_IP_CSUM,
      flags.NETIF_F_HW_CSUM,
      [HW_AND_IP],
    ],
    [
      'HW_CSUM with IPV6_CSUM',
      flags.NETIF_F_HW_CSUM | flags.NETIF_F_IPV6_CSUM,
      flags.NETIF_F_HW_CSUM,
      [HW_AND_IP],
    ],
    [
      'NO_CSUM with HW_CSUM',
      flags.NETIF_F_NO_CSUM | flags.NETIF_F_HW_CSUM,
      flags.NETIF_F_NO_CSUM,
      [NO_AND_OTHER],
    ],
    [
      'NO_CSUM with IP_CSUM',
      flags.NETIF_F_NO_CSUM | PROTOCOL_CSUM,
      flags.NETIF_F_NO_CSUM,
      [NO_AND_OTHER],
    ],
    ['all of them', flags.NETIF_F_CSUM_MASK, flags.NETIF_F_NO_CSUM, [HW_AND_IP, NO_AND_OTHER]],
    [
      'SG without a checksum',
      flags.NETIF_F_SG,
      0,
      ['Dropping NETIF_F_SG since no checksum feature.'],
    ],
    [
      'TSO without SG',
      flags.NETIF_F_HW_CSUM | ALL_TSO,
      flags.NETIF_F_HW_CSUM,
      ['Dropping TSO features since no SG feature.'],
    ],
    [
      'TSO6 without SG',
      flags.NETIF_F_HW_CSUM | flags.NETIF_F_TSO6,
      flags.NETIF_F_HW_CSUM,
      ['Dropping TSO features since no SG feature.'],
    ],
    [
      'ECN without TSO',
      CSUM_SG | flags.NETIF_F_TSO_ECN,
      CSUM_SG | flags.NETIF_F_GSO,
      ['Dropping NETIF_F_TSO_ECN since no TSO feature.'],
    ],
    [
      'USO without a checksum',
      flags.NETIF_F_GSO_UDP_L4,
      0,
      ['Dropping NETIF_F_GSO_UDP_L4 since no checksum feature.'],
    ],
    [
      'USO without SG',
      flags.NETIF_F_HW_CSUM | flags.NETIF_F_GSO_UDP_L4,
      flags.NETIF_F_HW_CSUM,
      ['Dropping NETIF_F_GSO_UDP_L4 since no SG feature.'],
    ],
    [
      'everything without a checksum',
      flags.NETIF_F_ALL_TAP & ~flags.NETIF_F_HW_CSUM,
      0,
      [
        'Dropping NETIF_F_SG since no checksum feature.',
        'Dropping TSO features since no SG feature.',
        'Dropping NETIF_F_GSO_UDP_L4 since no checksum feature.',
      ],
    ],
  ]
  test.each(cases)('%s', (_, given, left, notices) => {
    expect(fix(given)).toEqual([left, notices])
  })
})

test('fixed features need no further fixing, and only NETIF_F_GSO is ever added', () => {
  forAll(100, [fc.nat(0x3ff)], features => {
    const [left] = fix(features)
    expect(left & ~features & ~flags.NETIF_F_GSO).toBe(0)
    expect(fix(left)).toEqual([left, []])
  })
})
