/**
 * A driver file, `vnet bench/cables.mjs A0 B0 A1 B1 ...`: one cable for each pair of names, all in
 * one process. Each is the `cable` driver, initialised again.
 */
import { defaultParams, defineDriver, UsageError } from 'vnet'
import { cable } from 'vnet/drivers'

export const driver = defineDriver({
  name: 'cables',
  description: 'several cables in one process',
  args: '[NETNS/]IF [NETNS/]IF ...',
  params: {},
  init(_params, context) {
    const { args } = context
    if (args.length === 0 || args.length % 2 !== 0) {
      throw new UsageError('cables joins interfaces two by two')
    }
    const pairs = Array.from({ length: args.length / 2 }, (_, i) => args.slice(2 * i, 2 * i + 2))
    return pairs.flatMap(pair => [
      ...cable.init(defaultParams(cable.params), { ...context, args: pair }),
    ])
  },
})
