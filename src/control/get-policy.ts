/** CTRL_CMD_GETPOLICY: what the requests of a family may hold, told as the kernel tells it; `genl ctrl policy` reads that. */
import { ENOENT, VnetError } from '../core/errno.ts'
import {
  CTRL_ATTR_FAMILY_ID,
  CTRL_ATTR_FAMILY_NAME,
  CTRL_ATTR_OP,
  CTRL_ATTR_OP_POLICY,
  CTRL_ATTR_POLICY,
  CTRL_ATTR_POLICY_DO,
  CTRL_ATTR_POLICY_DUMP,
  CTRL_CMD_GETPOLICY,
  type Fields,
  GENL_NAMSIZ,
  type Policy,
  policy,
  string,
  u16,
  u32,
  writeNlaType,
} from '../netlink/index.ts'
import { type Family, type Operation, operation, type Write } from './operation.ts'

const getPolicyRequest = policy(
  { id: u16(CTRL_ATTR_FAMILY_ID), name: string(CTRL_ATTR_FAMILY_NAME, GENL_NAMSIZ - 1), op: u32(CTRL_ATTR_OP) },
  { strict: true },
)

/** `find` gives the family of a name and a number, or throws. */
export function getPolicy(find: (request: { id?: number; name?: string }) => Family): Operation {
  return operation({
    cmd: CTRL_CMD_GETPOLICY,
    policy: getPolicyRequest,
    dumpit(request) {
      const family = find(request)
      const operations = family.operations.filter(({ cmd }) => (request.op ?? cmd) === cmd)
      if (operations.length === 0) throw new VnetError(ENOENT, 'GETPOLICY', 'there is no such command')
      return describe(family, operations)
    },
  })
}

/** The policy of each operation by its number, then the attributes of each policy. */
function* describe({ id }: Family, operations: readonly Operation[]): Generator<Write> {
  const policies = [...new Set(operations.map(each => each.policy))]
  for (const { cmd, doit, dumpit, policy } of operations) {
    const index = policies.indexOf(policy)
    yield builder => {
      builder.u16(CTRL_ATTR_FAMILY_ID, id).nested(CTRL_ATTR_OP_POLICY, ops =>
        ops.nested(cmd, op => {
          if (doit !== undefined) op.u32(CTRL_ATTR_POLICY_DO, index)
          if (dumpit !== undefined) op.u32(CTRL_ATTR_POLICY_DUMP, index)
        }),
      )
    }
  }
  for (const [index, policy] of policies.entries()) yield* attributesOf(id, index, policy)
}

function* attributesOf(id: number, index: number, { fields }: Policy<Fields>): Generator<Write> {
  for (const { type, nla } of Object.values(fields)) {
    if (nla === undefined) continue
    yield builder => {
      builder
        .u16(CTRL_ATTR_FAMILY_ID, id)
        .nested(CTRL_ATTR_POLICY, policies =>
          policies.nested(index, attributes => attributes.nested(type, attribute => writeNlaType(attribute, nla))),
        )
    }
  }
}
