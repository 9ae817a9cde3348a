"""A simulated campaign: thousands of citizens book, move and cancel while a planner works; does any promise break?"""
