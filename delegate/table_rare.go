package delegate

func coreRareRows() []row { return nil }
func workloadRows() []row { return nil }
func batchRows() []row    { return nil }
func networkRows() []row  { return nil }
func policyRows() []row   { return nil }
func storageRows() []row  { return nil }
