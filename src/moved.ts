/** What old entry points load: they are packages of their own now. */
throw new Error(
  'the entry points have moved: vnet/testing is vnet/bed, with labs in @vnet/lab; vnet/vitest is @vnet/lab/vitest; ' +
    'vnet/playwright is @vnet/lab/playwright; vnet/lan is @vnet/lan; vnet/course is @vnet/learn',
)
