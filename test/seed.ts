/** Seed of every random choice in the tests; set UNFOOLED_TEST_SEED to try another. */
export const seed = Number(process.env.UNFOOLED_TEST_SEED ?? 20261120)
