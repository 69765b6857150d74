/** stage NAME: a stage that the program or the user wrote (docs/write-a-wire.md). */
import { UsageError } from '../../base/usage-error.ts'
import type { StageKind } from '../spec/groups.ts'
import { quote } from '../units.ts'
import type { Impairment } from '../wire.ts'

interface OwnSpec {
  readonly name: string
}

export const ownKind: StageKind<OwnSpec> = {
  kind: 'stage',
  repeats: true,
  read: c => ({ name: c.value('stage needs the name of a function that --stage FILE exports', text => text) }),
  print: ({ name }) => `stage ${quote(name)}`,
  build({ name }, { resources }) {
    if (resources.stage === undefined) throw new UsageError(`stage ${name}: own stages are not taken here`)
    return resources.stage(name) as Impairment
  },
}
