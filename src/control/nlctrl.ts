/** nlctrl, the family that tells of families: a client asks it for the message type of the one whose name it knows. */
import { ENOENT, VnetError } from '../core/errno.ts'
import {
  CTRL_ATTR_FAMILY_ID,
  CTRL_ATTR_FAMILY_NAME,
  CTRL_ATTR_HDRSIZE,
  CTRL_ATTR_MAXATTR,
  CTRL_ATTR_MCAST_GROUPS,
  CTRL_ATTR_MCAST_GRP_ID,
  CTRL_ATTR_MCAST_GRP_NAME,
  CTRL_ATTR_OP,
  CTRL_ATTR_OP_FLAGS,
  CTRL_ATTR_OP_ID,
  CTRL_ATTR_OPS,
  CTRL_ATTR_VERSION,
  CTRL_CMD_GETFAMILY,
  CTRL_CMD_NEWFAMILY,
  CTRL_VERSION,
  GENL_ADMIN_PERM,
  GENL_CMD_CAP_DO,
  GENL_CMD_CAP_DUMP,
  GENL_CMD_CAP_HASPOL,
  GENL_ID_CTRL,
  GENL_NAMSIZ,
  type MessageBuilder,
  policy,
  string,
  u16,
  writeIndexedArray,
} from '../netlink/index.ts'
import { getPolicy } from './get-policy.ts'
import { type Family, operation, type Write } from './operation.ts'
import { MissingAttribute } from './refusal.ts'

const getFamilyRequest = policy(
  { id: u16(CTRL_ATTR_FAMILY_ID), name: string(CTRL_ATTR_FAMILY_NAME, GENL_NAMSIZ - 1) },
  { strict: true },
)

/** nlctrl for `families`, and for itself. */
export function nlctrl(families: readonly Family[]): Family {
  function find({ id, name }: { id?: number; name?: string }): Family {
    if ((id ?? name) === undefined) throw new MissingAttribute(CTRL_ATTR_FAMILY_NAME, 'the request names no family')
    const found = all.find(family => (id ?? family.id) === family.id && (name ?? family.name) === family.name)
    if (found !== undefined) return found
    throw new VnetError(ENOENT, 'nlctrl', 'there is no such family')
  }
  const getFamily = operation({
    cmd: CTRL_CMD_GETFAMILY,
    answerCmd: CTRL_CMD_NEWFAMILY,
    policy: getFamilyRequest,
    doit: request => describe(find(request)),
    dumpit: () => all.map(describe),
  })
  const self: Family = {
    id: GENL_ID_CTRL,
    name: 'nlctrl',
    version: CTRL_VERSION,
    maxattr: CTRL_ATTR_OP,
    operations: [getFamily, getPolicy(find)],
  }
  const all = [self, ...families]
  return self
}

function describe({ id, name, version, maxattr, operations, groups = [] }: Family): Write {
  return builder => {
    builder.string(CTRL_ATTR_FAMILY_NAME, name).u16(CTRL_ATTR_FAMILY_ID, id).u32(CTRL_ATTR_VERSION, version)
    builder.u32(CTRL_ATTR_HDRSIZE, 0).u32(CTRL_ATTR_MAXATTR, maxattr)
    writeIndexedArray(builder, CTRL_ATTR_OPS, operations, (op: MessageBuilder, { cmd, doit, dumpit, changes }) => {
      const can = (doit ? GENL_CMD_CAP_DO : 0) | (dumpit ? GENL_CMD_CAP_DUMP : 0)
      const flags = (changes ? GENL_ADMIN_PERM : 0) | can | GENL_CMD_CAP_HASPOL
      op.u32(CTRL_ATTR_OP_ID, cmd).u32(CTRL_ATTR_OP_FLAGS, flags)
    })
    if (groups.length === 0) return
    writeIndexedArray(builder, CTRL_ATTR_MCAST_GROUPS, groups, (group, { name, id }) => {
      group.string(CTRL_ATTR_MCAST_GRP_NAME, name).u32(CTRL_ATTR_MCAST_GRP_ID, id)
    })
  }
}
