import { describe, expect, test } from 'vitest'
import { join, Pair, pattern, SEC, User } from './tcp-pair.ts'

describe('an exchange', () => {
  test('connects, carries bytes in both directions and ends in order', () => {
    const pair = new Pair()
    const client = new User(pattern(3000, 1))
    const server = new User(pattern(5000, 2))
    join(pair, client, server)
    pair.run(SEC)
    expect(client.log).toEqual(['connect', 'end'])
    expect(server.bytes).toEqual(pattern(3000, 1))
    expect(client.bytes).toEqual(pattern(5000, 2))
    expect([client.connection?.state, server.connection?.state].sort()).toEqual([
      'CLOSED',
      'TIME-WAIT',
    ])
    pair.run()
    expect(pair.clock.now()).toBeLessThan(62 * SEC)
    expect(client.connection?.state).toBe('CLOSED')
  })
})
