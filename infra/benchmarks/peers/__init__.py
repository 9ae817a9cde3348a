"""The other engines, each as a program that takes the same arguments as `doorstep plan solve`."""
