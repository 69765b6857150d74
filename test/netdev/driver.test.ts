import { describe, expect, test } from 'vitest'
import { UsageError } from '#src/base/usage-error.ts'
import {
  bool,
  type DriverContext,
  defaultParams,
  defineDriver,
  int,
  interfaceArgs,
  text,
} from '#src/netdev/driver.ts'
import { interfaceArg } from '#src/netdev/if.ts'

describe('a parameter', () => {
  test('an int parameter accepts decimal and hexadecimal', () => {
    const param = int({ default: 5, description: '', min: -10, max: 100 })
    expect(['0', '100', '-10', '0x1f', '0X1F', '007'].map(param.parse)).toEqual([
      0, 100, -10, 31, 31, 7,
    ])
    expect([param.type, param.default, param.live]).toEqual(['int', 5, false])
  })

  test('an int parameter refuses other text and numbers out of its bounds', () => {
    const param = int({ default: 5, description: '', max: 100 })
    for (const text of ['', ' ', 'x', '1.5', '1e3', '+1', '0x', '-1', '101', '1 ', 'NaN', '--1']) {
      expect(() => param.parse(text)).toThrow(
        new UsageError(`'${text}' is not a whole number from 0 to 100`),
      )
    }
    expect(() => int({ default: 1, description: '', min: 1 }).parse('0')).toThrow(
      "'0' is not a whole number of at least 1",
    )
  })

  test('a bool parameter accepts the usual words', () => {
    const param = bool({ default: false, description: '', live: true })
    expect(['1', 'y', 'Yes', 'on', 'TRUE'].map(param.parse)).toEqual([true, true, true, true, true])
    expect(['0', 'n', 'No', 'off', 'FALSE'].map(param.parse)).toEqual([
      false,
      false,
      false,
      false,
      false,
    ])
    expect([param.type, param.live]).toEqual(['bool', true])
    for (const text of ['', '2', 'yess', 'maybe']) {
      expect(() => param.parse(text)).toThrow(new UsageError(`'${text}' is neither 1 nor 0`))
    }
  })
})

test('a text parameter has the value that its parse function returns', () => {
  const parse = (value: string): number => {
    if (value === 'bad') throw new UsageError("'bad' is not good")
    return value.length
  }
  const param = text({ default: 0, description: 'd', live: true, parse })
  expect(param).toMatchObject({ type: 'string', default: 0, description: 'd', live: true })
  expect(param.parse('four')).toBe(4)
  expect(() => param.parse('bad')).toThrow(UsageError)
  expect(text({ default: undefined, description: '', parse }).live).toBe(false)
})

test('defaultParams returns the default of each parameter', () => {
  const params = {
    n: int({ default: 5, description: '' }),
    on: bool({ default: true, description: '' }),
  }
  expect(defaultParams(params)).toEqual({ n: 5, on: true })
})

describe('[NETNS/]IF', () => {
  test('[NETNS/]IF is parsed into an interface name and a namespace', () => {
    expect(interfaceArg('sn1')).toEqual({ name: 'sn1', netns: undefined })
    expect(interfaceArg('far/sn1')).toEqual({ name: 'sn1', netns: 'far' })
    expect(interfaceArg('/proc/7/ns/net/sn1')).toEqual({ name: 'sn1', netns: '/proc/7/ns/net' })
  })

  test('[NETNS/]IF with a missing part is refused', () => {
    for (const text of ['far/', '/sn1', '/']) {
      expect(() => interfaceArg(text)).toThrow(UsageError)
    }
  })
})

describe('the interfaces of a driver', () => {
  const named = (args: string[], names: string[] = []) =>
    interfaceArgs({ args, names } as unknown as DriverContext, ['sn0', 'sn1']).map(
      ({ name }) => name,
    )

  test('interfaceArgs returns the arguments, otherwise --name, otherwise the defaults', () => {
    expect(named([])).toEqual(['sn0', 'sn1'])
    expect(named([], ['a'])).toEqual(['a', 'sn1'])
    expect(named(['x', 'far/y'], ['a', 'b'])).toEqual(['x', 'y'])
  })

  test('interfaceArgs refuses arguments that name only some interfaces', () => {
    expect(() => named(['x'])).toThrow('1 of 2 interfaces named: name all of them, or none')
  })

  test('interfaceArgs refuses more names than interfaces', () => {
    expect(() => named(['a', 'b', 'c'])).toThrow('3 interface names, of which 2 can be used')
    expect(() => named([], ['a', 'b', 'c'])).toThrow(UsageError)
  })
})

test('defineDriver returns its argument', () => {
  const driver = { name: 'x', description: 'y', params: {}, init: () => [] }
  expect(defineDriver(driver)).toBe(driver)
})
