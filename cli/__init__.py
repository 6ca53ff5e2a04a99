"""The commands: `sentinel` runs the farm's processes, `sentinel-cli` operates them."""
