"""The most that one call to TikTok gives or takes: rows of a page, ids, days of a report."""

MOST_POSTS, MOST_IDENTITIES, MOST_ACCOUNTS, MOST_ROWS, MOST_AD_GROUPS, MOST_DAYS = 50, 100, 50, 1000, 100, 30
MOST_ADS_BY_ID = 100
