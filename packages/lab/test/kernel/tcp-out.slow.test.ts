/**
 * TCP connections of `vnet run` to the machine's network, over IPv4; test/run/tcp-out.test.ts has
 * the other cases.
 */
import { test } from 'vitest'
import { SERVER_ADDRESS, standInInternet } from '../support/internet.ts'
import { expectEnds } from '../support/tcp-out.ts'

const internet = standInInternet()

test('refusals, ends, resets and all bytes pass in both directions', () =>
  expectEnds(internet, SERVER_ADDRESS))
