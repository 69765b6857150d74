/** Where the address of the page leads, and which device is meant by it. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findDevice, isFound, parsePlace, placeHash } from '../../src/page/app.ts'
import { deviceRow, vnetRow } from '../support/web/devices.ts'

describe('the place in the address', () => {
  test('the address names the view and the device in the page’s notation', () => {
    expect(placeHash({ view: 'driver', device: '4711/red/eth0' })).toBe('#driver/4711/red/eth0')
    expect(parsePlace('#driver/4711//sn0')).toEqual({ view: 'driver', device: '4711//sn0' })
    expect(parsePlace('')).toEqual({ view: '', device: '' })
    expect(parsePlace('#frames')).toEqual({ view: 'frames', device: '' })
  })

  test('the address keeps every name of a device', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), device => {
        expect(parsePlace(placeHash({ view: 'lan', device }))).toEqual({ view: 'lan', device })
      }),
    )
  })

  test('the address keeps a name that looks encoded', () => {
    expect(parsePlace(placeHash({ view: 'lan', device: '1//%41#?' })).device).toBe('1//%41#?')
  })

  test('an address without encoding is taken unchanged', () => {
    expect(parsePlace('#lan/1//100%')).toEqual({ view: 'lan', device: '1//100%' })
  })
})

describe('the device that is meant', () => {
  const vnets = [
    vnetRow('snull', '10//sn0', '10//sn1'),
    vnetRow('cable', '11/red/eth0', '11/blue/eth0'),
  ]

  test('the chosen device is the one with the id, or the first one by default', () => {
    expect(findDevice(vnets, '11/blue/eth0')?.label).toBe('blue/eth0')
    expect(findDevice(vnets, '')?.label).toBe('sn0')
    expect(findDevice([], '')).toBeUndefined()
  })

  test('the chosen device is found again by its name after its vnet was restarted', () => {
    expect(findDevice(vnets, '9//sn1')?.id).toBe('10//sn1')
    expect(findDevice(vnets, '9//eth0')).toBeUndefined()
  })

  test('a device is found by words of its label, driver and hardware address', () => {
    const device = deviceRow('1/red/eth0', { driver: 'cable' })
    expect(['', 'RED', 'eth0 cable', '4e:55'].every(search => isFound(device, search))).toBe(true)
    expect(isFound(device, 'red snull')).toBe(false)
  })
})
