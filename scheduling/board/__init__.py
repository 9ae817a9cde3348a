"""The board: dispatchers see a day's routes as a timeline, on a map and as a list, plan the days and publish the plan."""
