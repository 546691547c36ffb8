"""What every bench shares: result types, runner, statistics, store, tables, page, scorecard."""
