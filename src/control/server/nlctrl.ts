/** nlctrl, the family of families: it gives their message types, and describes their requests. */
import { ENOENT, VnetError } from '../../base/errno.ts'
import * as genl from '../../netlink/genl.ts'
import {
  indexedArray,
  type MessageBuilder,
  policy,
  string,
  u16,
  u32,
  writeNlaType,
} from '../../netlink/index.ts'
import {
  type Family,
  MissingAttribute,
  type Operation,
  operation,
  type Write,
} from '../operations/operation.ts'

const opPolicy = policy({ id: u32(genl.CTRL_ATTR_OP_ID), flags: u32(genl.CTRL_ATTR_OP_FLAGS) })
const groupPolicy = policy({
  name: string(genl.CTRL_ATTR_MCAST_GRP_NAME),
  id: u32(genl.CTRL_ATTR_MCAST_GRP_ID),
})

/** The attributes that name a family in a request. */
const named = {
  id: u16(genl.CTRL_ATTR_FAMILY_ID),
  name: string(genl.CTRL_ATTR_FAMILY_NAME, genl.GENL_NAMSIZ - 1),
}

const getFamilyCommand = {
  cmd: genl.CTRL_CMD_GETFAMILY,
  replyCmd: genl.CTRL_CMD_NEWFAMILY,
  request: policy(named, { strict: true }),
  reply: policy({
    name: string(genl.CTRL_ATTR_FAMILY_NAME),
    id: u16(genl.CTRL_ATTR_FAMILY_ID),
    version: u32(genl.CTRL_ATTR_VERSION),
    hdrsize: u32(genl.CTRL_ATTR_HDRSIZE),
    maxattr: u32(genl.CTRL_ATTR_MAXATTR),
    ops: indexedArray(genl.CTRL_ATTR_OPS, opPolicy),
    groups: indexedArray(genl.CTRL_ATTR_MCAST_GROUPS, groupPolicy),
  }),
}

/** nlctrl for `families`, and for itself. */
export function nlctrl(families: readonly Family[]): Family {
  function find({ id, name }: { id?: number; name?: string }): Family {
    if ((id ?? name) === undefined) {
      throw new MissingAttribute(genl.CTRL_ATTR_FAMILY_NAME, 'the request names no family')
    }
    const found = all.find(
      family => (id ?? family.id) === family.id && (name ?? family.name) === family.name,
    )
    if (found !== undefined) return found
    throw new VnetError(ENOENT, 'nlctrl', 'there is no such family')
  }
  const getFamily = operation(getFamilyCommand, {
    doit: request => describe(find(request)),
    dumpit: () => all.map(describe),
  })
  const self: Family = {
    id: genl.GENL_ID_CTRL,
    name: 'nlctrl',
    version: genl.CTRL_VERSION,
    maxattr: genl.CTRL_ATTR_OP,
    operations: [getFamily, getPolicy(find)],
  }
  const all = [self, ...families]
  return self
}

function describe({ id, name, version, maxattr, operations, groups }: Family) {
  const ops = operations.map(each => ({ id: each.cmd, flags: flagsOf(each) }))
  return { id, name, version, hdrsize: 0, maxattr, ops, groups }
}

function flagsOf({ doit, dumpit, changes }: Operation): number {
  const can = (doit ? genl.GENL_CMD_CAP_DO : 0) | (dumpit ? genl.GENL_CMD_CAP_DUMP : 0)
  return (changes ? genl.GENL_ADMIN_PERM : 0) | can | genl.GENL_CMD_CAP_HASPOL
}

/** CTRL_CMD_GETPOLICY: the attributes of a family's requests (`genl ctrl policy`). */
function getPolicy(find: (request: { id?: number; name?: string }) => Family): Operation {
  return operation(
    {
      cmd: genl.CTRL_CMD_GETPOLICY,
      request: policy({ ...named, op: u32(genl.CTRL_ATTR_OP) }, { strict: true }),
    },
    {
      dumpit(request) {
        const family = find(request)
        const operations = family.operations.filter(({ cmd }) => (request.op ?? cmd) === cmd)
        if (operations.length === 0) {
          throw new VnetError(ENOENT, 'GETPOLICY', 'there is no such command')
        }
        return describePolicies(family, operations)
      },
    },
  )
}

/** First the number of the policy of each operation, then the attributes of each policy. */
function* describePolicies({ id }: Family, operations: readonly Operation[]): Generator<Write> {
  const policies = [...new Set(operations.map(each => each.policy))]
  for (const { cmd, doit, dumpit, policy: attributes } of operations) {
    const index = policies.indexOf(attributes)
    yield builder => {
      builder.u16(genl.CTRL_ATTR_FAMILY_ID, id).nested(genl.CTRL_ATTR_OP_POLICY, ops =>
        ops.nested(cmd, op => {
          if (doit !== undefined) {
            op.u32(genl.CTRL_ATTR_POLICY_DO, index)
          }
          if (dumpit !== undefined) {
            op.u32(genl.CTRL_ATTR_POLICY_DUMP, index)
          }
        }),
      )
    }
  }
  for (const [index, { fields }] of policies.entries()) {
    for (const { type, nla } of Object.values(fields)) {
      if (nla === undefined) continue
      yield builder => {
        const write = (attributes: MessageBuilder) =>
          attributes.nested(type, attribute => writeNlaType(attribute, nla))
        builder
          .u16(genl.CTRL_ATTR_FAMILY_ID, id)
          .nested(genl.CTRL_ATTR_POLICY, all => all.nested(index, write))
      }
    }
  }
}
